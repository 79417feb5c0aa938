/** The topic of a run; its partitions are the keys. */
export const TOPIC = 'keys'
