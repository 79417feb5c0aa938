/**
 * A stand-in for an unpacked Apache Kafka release: the suite calls scripts below `KAFKA_PATH/bin`
 * and compiles Java clients against `KAFKA_PATH/libs`. The scripts start Apache's own classes.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureApacheKafka } from '../../compatibility/support/apache-jars.ts'

const TOOLS: Readonly<Record<string, string>> = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
  'kafka-configs.sh': 'org.apache.kafka.tools.ConfigCommand',
  'kafka-run-class.sh': '',
}
const JAVA = 'java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1'
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'

export async function makeKafkaHome(folder: string): Promise<string> {
  const { toolJars, toolClasspath } = await ensureApacheKafka()
  await mkdir(join(folder, 'bin'), { recursive: true })
  await symlink(toolJars, join(folder, 'libs'))
  for (const [name, className] of Object.entries(TOOLS)) {
    const classpath = `"${toolClasspath}\${CLASSPATH:+:$CLASSPATH}"`
    const text = `#!/bin/sh\nexec ${JAVA} ${QUIET} -cp ${classpath} ${className} "$@"\n`
    await writeFile(join(folder, 'bin', name), text, { mode: 0o755 })
  }
  return folder
}
