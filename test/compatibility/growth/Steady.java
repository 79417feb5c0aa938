import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

/**
 * Sends numbered records to every partition and reads them all, until a file appears; then sends
 * what is under way, reads to the end and says so. One line for each: `acked P VALUE OFFSET`,
 * `read P OFFSET VALUE`, `done`.
 *
 *   Steady BOOTSTRAP TOPIC PARTITIONS STOP_FILE
 */
public final class Steady {
  public static void main(String[] args) throws Exception {
    String topic = args[1];
    int partitions = Integer.parseInt(args[2]);
    Path stop = Path.of(args[3]);
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("acks", "all");
    p.put("delivery.timeout.ms", "240000");
    p.put("request.timeout.ms", "10000");
    Properties c = new Properties();
    c.put("bootstrap.servers", args[0]);
    c.put("auto.offset.reset", "earliest");
    c.put("enable.auto.commit", "false");
    c.put("request.timeout.ms", "10000");
    var parts = IntStream.range(0, partitions).mapToObj(i -> new TopicPartition(topic, i)).toList();
    try (var producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        var consumer = new KafkaConsumer<>(c, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(parts);
      consumer.seekToBeginning(parts);
      for (int n = 0; !Files.exists(stop); n++) {
        for (int i = 0; i < partitions; i++) {
          String value = "java " + n;
          producer.send(new ProducerRecord<>(topic, i, null, value), (done, error) -> {
            if (error != null) say("failed " + value + " " + error);
            else say("acked " + done.partition() + " " + done.offset() + " " + value);
          });
        }
        read(consumer, 20);
      }
      producer.flush();
      var ends = consumer.endOffsets(parts);
      while (parts.stream().anyMatch(tp -> consumer.position(tp) < ends.get(tp))) read(consumer, 200);
      say("done");
    }
  }

  private static void read(KafkaConsumer<String, String> consumer, long ms) {
    for (var record : consumer.poll(Duration.ofMillis(ms))) {
      say("read " + record.partition() + " " + record.offset() + " " + record.value());
    }
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }
}
