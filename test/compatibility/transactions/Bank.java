import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/**
 * A clerk of a bank: reads transfers and writes, in one transaction with the offsets read, the
 * transfer to `out`, a debit and a credit to two partitions of `entries`. Some transactions are
 * aborted on purpose, and some hang until the coordinator has timed them out. Every attempt has a
 * name, which its records carry. Tells each event in a line; a clerk whose transactional id has gone
 * to another ends with 3.
 *
 *   Bank BOOTSTRAP CLERK SEED PROTOCOL TRANSACTION_TIMEOUT_MS
 *
 *   ready EPOCH MS          the transactional id is ours since then
 *   committed ATTEMPT COUNT | aborted ATTEMPT | hanging ATTEMPT
 *   late ERROR ATTEMPT EPOCH MS   a call made then was refused, the transaction being over
 *   fenced ERROR | again ERROR    | wrong ATTEMPT TEXT
 */
public final class Bank {
  private static final int ENTRY_PARTITIONS = 4;
  private final String bootstrap, clerk, protocol;
  private final int timeoutMs;
  private final Random random;
  private int attempts = 0;
  private String attempt;
  private int epoch;
  private long calledMs;

  private Bank(String[] args) {
    bootstrap = args[0];
    clerk = args[1];
    random = new Random(Long.parseLong(args[2]));
    protocol = args[3];
    timeoutMs = Integer.parseInt(args[4]);
  }

  public static void main(String[] args) throws Exception {
    Bank bank = new Bank(args);
    while (true) {
      try {
        bank.work();
      } catch (ProducerFencedException | InvalidProducerEpochException error) {
        tell("fenced", error);
        Runtime.getRuntime().halt(3);
      } catch (KafkaException error) {
        if (cause(error, InvalidTxnStateException.class)) {
          bank.tellLate(error);
          continue;
        }
        boolean isFenced = cause(error, ProducerFencedException.class)
            || cause(error, InvalidProducerEpochException.class);
        tell(isFenced ? "fenced" : "again", error);
        if (isFenced) Runtime.getRuntime().halt(3);
      }
    }
  }

  private static boolean cause(Throwable error, Class<?> kind) {
    for (Throwable at = error; at != null; at = at.getCause()) if (kind.isInstance(at)) return true;
    return false;
  }

  private static void tell(String what, Throwable error) {
    System.out.println(what + " " + root(error));
  }

  private void called() {
    calledMs = System.currentTimeMillis();
  }

  private void tellLate(Throwable error) {
    System.out.println("late " + root(error) + " " + attempt + " " + epoch + " " + calledMs);
  }

  private static String root(Throwable error) {
    Throwable root = error;
    while (root.getCause() != null) root = root.getCause();
    return root.getClass().getSimpleName();
  }

  private void work() throws InterruptedException {
    try (var consumer = new KafkaConsumer<>(consumerSettings(), new StringDeserializer(), new StringDeserializer());
        var producer = new KafkaProducer<>(producerSettings(), new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      System.out.println("ready " + epoch(producer) + " " + System.currentTimeMillis());
      consumer.subscribe(List.of("transfers"));
      while (true) {
        var records = consumer.poll(Duration.ofMillis(200));
        if (!records.isEmpty() && !transact(consumer, producer, records)) return;
      }
    }
  }

  /** False when the clients must be made anew. */
  private boolean transact(KafkaConsumer<String, String> consumer,
      KafkaProducer<String, String> producer, ConsumerRecords<String, String> records)
      throws InterruptedException {
    producer.beginTransaction();
    attempt = clerk + "/" + ProcessHandle.current().pid() + "/" + attempts++;
    epoch = epoch(producer);
    called();
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (var record : records) {
      int id = Integer.parseInt(record.value());
      producer.send(told("out", record.partition(), null, record.value()));
      producer.send(told("entries", id % ENTRY_PARTITIONS, record.value(), "debit"));
      int other = (id + 1 + id % (ENTRY_PARTITIONS - 1)) % ENTRY_PARTITIONS;
      producer.send(told("entries", other, record.value(), "credit"));
      offsets.put(new TopicPartition(record.topic(), record.partition()),
          new OffsetAndMetadata(record.offset() + 1));
    }
    double fate = random.nextDouble();
    if (fate < 0.08) return abort(consumer, producer, records);
    called();
    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    if (fate < 0.16) return abort(consumer, producer, records);
    if (fate < 0.20) return hang(producer);
    called();
    producer.commitTransaction();
    System.out.println("committed " + attempt + " " + records.count());
    return true;
  }

  private ProducerRecord<String, String> told(String topic, int partition, String key, String value) {
    var record = new ProducerRecord<>(topic, partition, key, value);
    record.headers().add("attempt", attempt.getBytes(StandardCharsets.UTF_8));
    return record;
  }

  /** Nothing public tells it. */
  private static int epoch(KafkaProducer<?, ?> producer) {
    Object manager = field(producer, "transactionManager");
    return ((Number) field(field(manager, "producerIdAndEpoch"), "epoch")).intValue();
  }

  private static Object field(Object of, String name) {
    try {
      Field field = of.getClass().getDeclaredField(name);
      field.setAccessible(true);
      return field.get(of);
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException(error);
    }
  }

  private boolean abort(KafkaConsumer<String, String> consumer,
      KafkaProducer<String, String> producer, ConsumerRecords<String, String> records) {
    called();
    producer.abortTransaction();
    for (var partition : records.partitions()) {
      consumer.seek(partition, records.records(partition).get(0).offset());
    }
    System.out.println("aborted " + attempt);
    return true;
  }

  /**
   * Says nothing until the coordinator has aborted the transaction; then the commit must be refused.
   * To who still has the transactional id Apache Kafka 4.4 answers INVALID_TXN_STATE: its abort has
   * raised the epoch by one, the late commit looks like the repetition of the request that ended the
   * transaction, and that has ended otherwise.
   */
  private boolean hang(KafkaProducer<String, String> producer) throws InterruptedException {
    producer.flush();
    System.out.println("hanging " + attempt);
    Thread.sleep(timeoutMs + 4000);
    called();
    try {
      producer.commitTransaction();
      System.out.println("wrong " + attempt + " committed after the timeout");
    } catch (KafkaException error) {
      tellLate(error);
    }
    return false;
  }

  private Properties consumerSettings() {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("group.id", "bank");
    p.put("group.protocol", protocol);
    if (protocol.equals("classic")) {
      p.put("session.timeout.ms", "6000");
      p.put("heartbeat.interval.ms", "1000");
    }
    p.put("auto.offset.reset", "earliest");
    p.put("enable.auto.commit", "false");
    p.put("isolation.level", "read_committed");
    p.put("max.poll.records", String.valueOf(1 + random.nextInt(50)));
    p.put("reconnect.backoff.max.ms", "200");
    return p;
  }

  private Properties producerSettings() {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("transactional.id", clerk);
    p.put("transaction.timeout.ms", String.valueOf(timeoutMs));
    p.put("max.block.ms", "20000");
    p.put("reconnect.backoff.max.ms", "200");
    return p;
  }
}
