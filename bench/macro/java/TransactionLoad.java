import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

/**
 * Commits transactions one after another and prints `transactions/s p50 p99` (milliseconds from begin
 * to committed), after a warm-up of a fifth of them.
 *
 *   TransactionLoad BOOTSTRAP TOPIC RECORDS_PER_TRANSACTION TRANSACTIONS
 */
public final class TransactionLoad {
  public static void main(String[] args) {
    int perTransaction = Integer.parseInt(args[2]), transactions = Integer.parseInt(args[3]);
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("transactional.id", "load-" + args[1]);
    p.put("linger.ms", "0");
    p.put("batch.size", "131072");
    byte[] value = new byte[100];
    try (var producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      run(producer, args[1], value, perTransaction, Math.max(1, transactions / 5));
      long start = System.nanoTime();
      double[] ms = run(producer, args[1], value, perTransaction, transactions);
      double seconds = (System.nanoTime() - start) / 1e9;
      Arrays.sort(ms);
      System.out.printf(Locale.ROOT, "%.1f %.3f %.3f%n", transactions / seconds,
          ms[ms.length / 2], ms[(int) (ms.length * 0.99)]);
    }
  }

  private static double[] run(KafkaProducer<byte[], byte[]> producer, String topic, byte[] value,
      int perTransaction, int transactions) {
    double[] ms = new double[transactions];
    for (int i = 0; i < transactions; i++) {
      long start = System.nanoTime();
      producer.beginTransaction();
      for (int r = 0; r < perTransaction; r++) producer.send(new ProducerRecord<>(topic, value));
      producer.commitTransaction();
      ms[i] = (System.nanoTime() - start) / 1e6;
    }
    return ms;
  }
}
