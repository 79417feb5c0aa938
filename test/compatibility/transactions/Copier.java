import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/**
 * Copies a topic exactly once: reads a batch, writes it with its offsets in one transaction. After
 * any error it starts over with new clients, as an application would. Every third transaction is
 * aborted on purpose before it is tried again. Ends when it has committed `count` input records.
 *
 *   Copier BOOTSTRAP INPUT OUTPUT GROUP TRANSACTIONAL_ID COUNT
 */
public final class Copier {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0], input = args[1], output = args[2], group = args[3], id = args[4];
    long count = Long.parseLong(args[5]);
    long deadline = System.currentTimeMillis() + 300_000;
    int[] transactions = {0};
    while (System.currentTimeMillis() < deadline) {
      try {
        if (copy(bootstrap, input, output, group, id, count, transactions)) {
          System.out.println("done " + transactions[0]);
          return;
        }
      } catch (KafkaException error) {
        System.out.println("again " + error);
      }
    }
    throw new IllegalStateException("not done in time");
  }

  private static boolean copy(String bootstrap, String input, String output, String group,
      String id, long count, int[] transactions) {
    Properties c = new Properties();
    c.put("bootstrap.servers", bootstrap);
    c.put("group.id", group);
    c.put("auto.offset.reset", "earliest");
    c.put("enable.auto.commit", "false");
    c.put("isolation.level", "read_committed");
    c.put("max.poll.records", "20");
    c.put("session.timeout.ms", "6000");
    c.put("reconnect.backoff.max.ms", "200");
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("transactional.id", id);
    p.put("transaction.timeout.ms", "20000");
    p.put("max.block.ms", "20000");
    p.put("reconnect.backoff.max.ms", "200");
    try (var consumer = new KafkaConsumer<>(c, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        var producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      consumer.subscribe(List.of(input));
      while (true) {
        var records = consumer.poll(Duration.ofMillis(300));
        if (records.isEmpty()) {
          if (committed(consumer, input) >= count) return true;
          continue;
        }
        boolean isAborted = ++transactions[0] % 3 == 0;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (var record : records) {
          producer.send(new ProducerRecord<>(output, record.partition(), record.key(), record.value()));
          offsets.put(new TopicPartition(record.topic(), record.partition()),
              new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (isAborted) {
          producer.abortTransaction();
          for (var partition : records.partitions()) {
            consumer.seek(partition, records.records(partition).get(0).offset());
          }
        } else producer.commitTransaction();
      }
    }
  }

  private static long committed(KafkaConsumer<?, ?> consumer, String topic) {
    Set<TopicPartition> partitions = new HashSet<>();
    for (var info : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, info.partition()));
    long sum = 0;
    for (var offset : consumer.committed(partitions).values()) if (offset != null) sum += offset.offset();
    return sum;
  }
}
