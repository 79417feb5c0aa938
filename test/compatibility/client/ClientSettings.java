import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

/** Prints `class name default` of each setting that is not internal, tabs between them. */
public final class ClientSettings {
  public static void main(String[] args) {
    print("producer", ProducerConfig.configDef());
    print("consumer", ConsumerConfig.configDef());
  }

  private static void print(String client, ConfigDef definition) {
    for (var key : new TreeMap<>(definition.configKeys()).values()) {
      if (key.internalConfig) continue;
      System.out.println(client + "\t" + key.name + "\t" + (key.hasDefault() ? key.defaultValue : ""));
    }
  }
}
