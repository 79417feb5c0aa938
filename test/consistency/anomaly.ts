/** What a checker can find, by Jepsen's names where Jepsen has one. */
export const ANOMALIES = [
  'inconsistent-offsets',
  'phantom',
  'corrupt',
  'aborted-read',
  'dirty-read',
  'precommitted-read',
  'lost-write',
  'unseen',
  'duplicate',
  'offset-gap',
  'leader-epoch-regress',
  'poll-skip',
  'nonmonotonic-poll',
  'int-nonmonotonic-poll',
  'nonmonotonic-send',
  'int-nonmonotonic-send',
  'G1c',
  'read-past-high-watermark',
  'watermark-order',
  'watermark-regress',
  'log-start-ahead',
  'hanging-transaction',
  'double-owner',
  'stale-commit',
  'lost-commit',
  'aborted-commit',
] as const

export type AnomalyName = (typeof ANOMALIES)[number]

export interface Anomaly {
  readonly name: AnomalyName
  readonly text: string
}
