import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

/**
 * Measures transactions on a topic and prints `transactions/s p50 p99 e2e-p50 e2e-p99`.
 *
 * First it commits transactions one after another: their rate, and the milliseconds from begin to
 * committed. Then, at a fixed pace and beside a read_committed consumer: the milliseconds from begin
 * until the consumer holds the transaction's last record. A fifth of each is a warm-up.
 *
 *   TransactionLoad BOOTSTRAP TOPIC RECORDS_PER_TRANSACTION TRANSACTIONS PACED PACE_PER_SECOND
 */
public final class TransactionLoad {
  /** At the head of each value: the number of the transaction, then when it began. */
  private static final int NUMBER = 0, BEGIN = 4;
  /** Transactions whose records the consumer does not measure. */
  private static final int UNMEASURED = -1;

  private final String topic;
  private final int perTransaction;
  private final KafkaProducer<byte[], byte[]> producer;

  private TransactionLoad(String topic, int perTransaction, KafkaProducer<byte[], byte[]> producer) {
    this.topic = topic;
    this.perTransaction = perTransaction;
    this.producer = producer;
  }

  public static void main(String[] args) throws Exception {
    int perTransaction = Integer.parseInt(args[2]), transactions = Integer.parseInt(args[3]);
    int paced = Integer.parseInt(args[4]), pace = Integer.parseInt(args[5]);
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("transactional.id", "load-" + args[1]);
    p.put("linger.ms", "0");
    p.put("batch.size", "131072");
    try (var producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      var load = new TransactionLoad(args[1], perTransaction, producer);
      load.commitEach(Math.max(1, transactions / 5));
      long start = System.nanoTime();
      double[] ms = load.commitEach(transactions);
      double seconds = (System.nanoTime() - start) / 1e9;
      double[] seen = load.endToEnd(args[0], paced, pace);
      System.out.printf(Locale.ROOT, "%.1f %.3f %.3f %.3f %.3f%n", transactions / seconds,
          at(ms, 0.5), at(ms, 0.99), at(seen, 0.5), at(seen, 0.99));
    }
  }

  private double[] commitEach(int transactions) {
    double[] ms = new double[transactions];
    for (int i = 0; i < transactions; i++) {
      long start = System.nanoTime();
      transaction(UNMEASURED);
      ms[i] = (System.nanoTime() - start) / 1e6;
    }
    return ms;
  }

  private void transaction(int number) {
    long begin = System.nanoTime();
    producer.beginTransaction();
    for (int r = 0; r < perTransaction; r++) {
      byte[] value = new byte[100];
      ByteBuffer.wrap(value).putInt(NUMBER, number).putLong(BEGIN, begin);
      producer.send(new ProducerRecord<>(topic, value));
    }
    producer.commitTransaction();
  }

  private double[] endToEnd(String bootstrap, int transactions, int pace) throws Exception {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("isolation.level", "read_committed");
    try (var consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      var partitions = consumer.partitionsFor(topic).stream()
          .map(i -> new org.apache.kafka.common.TopicPartition(topic, i.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToEnd(partitions);
      for (var partition : partitions) consumer.position(partition);
      int warmUp = Math.max(1, transactions / 5), all = warmUp + transactions;
      var sender = new Thread(() -> {
        long next = System.nanoTime(), step = 1_000_000_000L / pace;
        for (int i = 0; i < all; i++, next += step) {
          for (long left; (left = next - System.nanoTime()) > 0; ) LockSupport.parkNanos(left);
          transaction(i);
        }
      });
      sender.start();
      double[] last = new double[all];
      long records = 0, deadline = System.nanoTime() + 120_000_000_000L;
      while (records < (long) all * perTransaction) {
        if (System.nanoTime() > deadline) throw new IllegalStateException("saw only " + records + " records");
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          var value = ByteBuffer.wrap(record.value());
          int number = value.getInt(NUMBER);
          if (number == UNMEASURED) continue;
          records++;
          last[number] = (System.nanoTime() - value.getLong(BEGIN)) / 1e6;
        }
      }
      sender.join();
      return Arrays.copyOfRange(last, warmUp, all);
    }
  }

  private static double at(double[] values, double share) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[(int) (sorted.length * share)];
  }
}
