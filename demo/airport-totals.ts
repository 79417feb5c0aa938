/** What happened at an airport, and the state a group keeps about each. */
export interface FlightEvent {
  readonly airport: string
  readonly kind: 'departure' | 'arrival'
  /** Counts the events of this airport from 1. */
  readonly sequence: number
  readonly date: string
  readonly delay: number
  readonly distance: number
}

export interface Totals {
  departures: number
  arrivals: number
  delayMinutes: number
  miles: number
  lastSequence: number
}

/**
 * Sums per airport. An event that was already counted is recognised by its sequence and counted as
 * repeated only; one that skips a sequence is a loss or a wrong order.
 */
export class AirportTotals {
  readonly byAirport = new Map<string, Totals>()
  events = 0
  repeated = 0
  private readonly gaps: string[] = []

  add(event: FlightEvent): void {
    let totals = this.byAirport.get(event.airport)
    if (!totals) {
      totals = { departures: 0, arrivals: 0, delayMinutes: 0, miles: 0, lastSequence: 0 }
      this.byAirport.set(event.airport, totals)
    }
    if (event.sequence <= totals.lastSequence) {
      this.repeated++
      return
    }
    if (event.sequence !== totals.lastSequence + 1) {
      this.gaps.push(`${event.airport}: event ${event.sequence} after ${totals.lastSequence}`)
    }
    totals.lastSequence = event.sequence
    if (event.kind === 'departure') totals.departures++
    else totals.arrivals++
    totals.delayMinutes += event.delay
    totals.miles += event.distance
    this.events++
  }

  /** Sentences about everything that is not as it was sent. */
  faults(who: string, sent: readonly FlightEvent[]): string[] {
    const expected = new AirportTotals()
    for (const event of sent) expected.add(event)
    const faults = this.gaps.slice(0, 5).map((gap) => `${who}: ${gap}`)
    if (this.gaps.length > 5) faults.push(`${who}: ${this.gaps.length - 5} more gaps`)
    for (const [airport, totals] of expected.byAirport) {
      const got = this.byAirport.get(airport)
      if (got && sameTotals(got, totals)) continue
      faults.push(`${who}: ${airport} is ${JSON.stringify(got)}, not ${JSON.stringify(totals)}`)
    }
    return faults.slice(0, 20)
  }

  equals(other: AirportTotals): boolean {
    if (other.byAirport.size !== this.byAirport.size) return false
    for (const [airport, totals] of this.byAirport) {
      const others = other.byAirport.get(airport)
      if (!others || !sameTotals(totals, others)) return false
    }
    return true
  }
}

const sameTotals = (a: Totals, b: Totals): boolean =>
  a.departures === b.departures &&
  a.arrivals === b.arrivals &&
  a.delayMinutes === b.delayMinutes &&
  a.miles === b.miles &&
  a.lastSequence === b.lastSequence
