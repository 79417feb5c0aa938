/** The name of a number that a broker answered with. */
export function nameIn<T extends string>(table: Readonly<Record<T, number>>, code: number): T {
  const found = (Object.keys(table) as T[]).find((name) => table[name] === code)
  if (found === undefined) throw new TypeError(`the broker answered ${code}, which is unknown here`)
  return found
}
