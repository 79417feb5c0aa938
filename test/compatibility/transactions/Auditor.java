import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads what is committed while it is written, and tells each record in a line:
 *
 *   Auditor BOOTSTRAP TOPIC=PARTITIONS...     ->     TOPIC PARTITION OFFSET KEY VALUE ATTEMPT
 */
public final class Auditor {
  public static void main(String[] args) {
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("isolation.level", "read_committed");
    p.put("auto.offset.reset", "none");
    p.put("reconnect.backoff.max.ms", "200");
    List<TopicPartition> partitions = new ArrayList<>();
    for (String topic : Arrays.copyOfRange(args, 1, args.length)) {
      String[] parts = topic.split("=");
      for (int i = 0; i < Integer.parseInt(parts[1]); i++) partitions.add(new TopicPartition(parts[0], i));
    }
    var string = new StringDeserializer();
    try (var consumer = new KafkaConsumer<>(p, string, string)) {
      consumer.assign(partitions);
      for (TopicPartition partition : partitions) consumer.seek(partition, 0);
      while (true) {
        StringBuilder lines = new StringBuilder();
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          var attempt = record.headers().lastHeader("attempt");
          lines.append(record.topic()).append(' ').append(record.partition());
          lines.append(' ').append(record.offset()).append(' ').append(record.key());
          lines.append(' ').append(record.value()).append(' ');
          lines.append(new String(attempt.value(), StandardCharsets.UTF_8)).append('\n');
        }
        System.out.print(lines);
      }
    }
  }
}
