/**
 * Admin calls that ask every broker of a cluster, because each knows a part: the groups and the
 * transactional ids it coordinates, its log directories.
 *
 * A broker that cannot be asked does not keep the answers of the others from the caller: with
 * `perItem` it is one more item, with its error. Until the deadline those that failed in a way that
 * may pass are asked again, alone; all of them are once the cluster lists other brokers than
 * before, since what a broker that is gone has coordinated is at the others then, some of which had
 * been asked already.
 */
import { codeOf, messageOf } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import { KafkaError, TimeoutError } from '../errors.ts'
import { AdminCore, isRetriableForAdmin } from './admin-core.ts'
import { type ItemError, type ItemOptions, isItemError, type Outcomes } from './item-results.ts'

export interface BrokersOptions extends ItemOptions {
  /** Ids of those to ask. Default: all that the cluster lists. */
  readonly brokers?: readonly number[]
}

export interface BrokerFailure {
  readonly broker: number
  readonly error: ItemError
}

export interface BrokersAnswers<T> {
  readonly found: readonly T[]
  /** Those that could not be asked or refused, by id; none without `perItem`. */
  readonly failed: readonly BrokerFailure[]
}

/** A failure of a broker that was asked for what it coordinates. */
export const asCoordinator = ({ broker: coordinator, error }: BrokerFailure) => ({
  coordinator,
  error,
})

/** What a broker said last, or the error met in asking it. */
type Answer<T> = { readonly found: readonly T[] } | { readonly error: unknown }

export class EveryBrokerAdmin extends AdminCore {
  /** Asks the brokers and resolves with what they said; `ask` throws why one did not. */
  protected async askEvery<T>(
    what: string,
    options: BrokersOptions,
    ask: (broker: number) => Promise<readonly T[]>,
  ): Promise<BrokersAnswers<T>> {
    const answers = new Map<number, Answer<T>>()
    let asked: readonly number[] = []
    let rounds = 0
    const askOne = async (broker: number, round: number) => {
      let answer: Answer<T>
      try {
        answer = { found: await ask(broker) }
      } catch (error) {
        answer = { error }
      }
      // An answer to a question that nobody waits for any more may be older than what is known.
      if (round === rounds) answers.set(broker, answer)
      if ('error' in answer && !(options.perItem && isOfBroker(answer.error))) throw answer.error
    }
    const attempt = async () => {
      const round = ++rounds
      const listed = await this.listedBrokers()
      if (options.brokers === undefined && String(listed) !== String(asked)) answers.clear()
      asked = options.brokers ?? listed
      const open = asked.filter((broker) => mayChange(answers.get(broker)))
      await Promise.all(open.map((broker) => askOne(broker, round)))
      const failed = open.map((broker) => answers.get(broker)).find(mayChange)
      if (failed && 'error' in failed) throw failed.error
    }
    const timeoutMs = options.timeoutMs ?? this.cluster.context.apiTimeoutMs
    const whose = (broker: number) => `${what} of broker ${broker}`
    await this.call(what, options, attempt).catch((error: unknown) => {
      if (options.perItem && asked.length > 0 && isItemError(error)) return
      if (!(error instanceof TimeoutError)) throw error
      const broker = asked.find((id) => isCause(error.cause, answers.get(id)))
      throw broker === undefined ? error : new TimeoutError(whose(broker), timeoutMs, error.cause)
    })
    const found: T[] = []
    const failed: BrokerFailure[] = []
    for (const broker of asked) {
      const answer = answers.get(broker)
      if (answer && 'found' in answer) found.push(...answer.found)
      else failed.push({ broker, error: itemError(whose(broker), timeoutMs, answer?.error) })
    }
    return { found, failed }
  }

  private async listedBrokers(): Promise<number[]> {
    const { brokers } = await this.requestMetadata([])
    return brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b)
  }

  /** The values alone, or with `perItem` what could not be found as well, last. */
  protected withFailed<Key extends object, Value extends Key, Options extends ItemOptions>(
    found: readonly Value[],
    failed: readonly (Key & { readonly error: ItemError })[],
    options: Options,
  ): Outcomes<Options, Key, Value> {
    if (!options.perItem) return found as unknown as Outcomes<Options, Key, Value>
    const outcomes = [...found.map((value) => ({ ...value, error: undefined })), ...failed]
    return outcomes as unknown as Outcomes<Options, Key, Value>
  }
}

/** Errors of the client that say something of one broker for good, and what Kafka calls them. */
const ERROR_NAMES: Readonly<Record<string, 'SASL_AUTHENTICATION_FAILED' | 'UNSUPPORTED_VERSION'>> =
  { AUTHENTICATION: 'SASL_AUTHENTICATION_FAILED', UNSUPPORTED_VERSION: 'UNSUPPORTED_VERSION' }

const isOfBroker = (error: unknown): boolean =>
  error instanceof KafkaError ||
  isRetriableForAdmin(error) ||
  ERROR_NAMES[codeOf(error) ?? ''] !== undefined

const mayChange = (answer: Answer<unknown> | undefined): boolean =>
  !answer || ('error' in answer && isRetriableForAdmin(answer.error))

/** Whether a call that met this cause, or none, in the end was waiting for this answer. */
const isCause = (cause: unknown, answer: Answer<unknown> | undefined): boolean =>
  answer ? 'error' in answer && answer.error === cause : cause === undefined

function itemError(whose: string, timeoutMs: number, error: unknown): ItemError {
  if (error instanceof KafkaError) return error
  const name = ERROR_NAMES[codeOf(error) ?? '']
  if (name === undefined) return new TimeoutError(whose, timeoutMs, error)
  return new KafkaError(errorCode(name), whose, messageOf(error))
}
