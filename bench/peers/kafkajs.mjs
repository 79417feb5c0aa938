import kafkajs from 'kafkajs'
import { programOf } from './kafkajs-program.mjs'

export const { openProducer, openConsumer } = programOf(kafkajs)
