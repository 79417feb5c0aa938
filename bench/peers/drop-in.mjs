// The program of kafkajs with ottla's drop-in in its place.
import dropIn from '@ottla/kafkajs'
import { programOf } from './kafkajs-program.mjs'

export const { openProducer, openConsumer } = programOf(dropIn)
