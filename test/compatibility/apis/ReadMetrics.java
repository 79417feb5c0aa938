import java.nio.file.*;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.*;

/** Reads pushed metrics with Apache's own classes: `name kind value node` of each point, by file. */
public final class ReadMetrics {
  public static void main(String[] files) throws Exception {
    for (String file : files) {
      var data = MetricsData.parseFrom(Files.readAllBytes(Path.of(file)));
      for (var resource : data.getResourceMetricsList()) {
        for (var scope : resource.getScopeMetricsList()) {
          for (var metric : scope.getMetricsList()) print(metric);
        }
      }
    }
  }

  private static void print(Metric metric) {
    boolean isSum = metric.hasSum();
    var points = isSum ? metric.getSum().getDataPointsList() : metric.getGauge().getDataPointsList();
    String kind = isSum
        ? metric.getSum().getAggregationTemporality() + (metric.getSum().getIsMonotonic() ? "+" : "")
        : "gauge";
    for (var point : points) {
      if (point.getTimeUnixNano() < point.getStartTimeUnixNano()) throw new AssertionError(metric);
      String node = point.getAttributesCount() == 0 ? "-"
          : point.getAttributes(0).getKey() + "=" + point.getAttributes(0).getValue().getStringValue();
      System.out.println(metric.getName() + " " + kind + " " + point.getAsDouble() + " " + node);
    }
  }
}
