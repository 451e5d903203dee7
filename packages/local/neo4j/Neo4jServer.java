import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseInternalSettings;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.GraphDatabaseSettings.LogQueryLevel;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.GraphDatabaseService;
import org.neo4j.io.ByteUnit;

/**
 * Neo4j Community for one machine: Bolt on the loopback interface, without passwords.
 *
 * <p>Usage: Neo4jServer HOME PORT [rehearse]. A rehearsal runs a few statements and ends, so that
 * the JVM can record which classes they take.
 */
public final class Neo4jServer {
  public static void main(String[] args) throws Exception {
    try {
      Path home = Path.of(args[0]);
      Path pidFile = home.resolve("neo4j.pid");
      Files.writeString(pidFile, ProcessHandle.current().pid() + "\n");
      // Bolt listens last, so a port that answers belongs to a recovered and available database.
      DatabaseManagementService server = start(home, Integer.parseInt(args[1]));
      Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
      if (args.length == 2) Thread.currentThread().join();
      rehearse(server.database("neo4j"));
      System.exit(0);
    } catch (Throwable failure) {
      // A stack would push the reason out of the last lines, which are all that the caller shows.
      for (Throwable at = failure; at != null; at = at.getCause()) System.err.println(at);
      System.exit(1);
    }
  }

  private static DatabaseManagementService start(Path home, int port) {
    SocketAddress address = new SocketAddress("127.0.0.1", port);
    return new DatabaseManagementServiceBuilder(home)
        .setConfig(BoltConnector.enabled, true)
        .setConfig(BoltConnector.listen_address, address)
        .setConfig(BoltConnector.advertised_address, address)
        .setConfig(GraphDatabaseSettings.auth_enabled, false)
        .setConfig(GraphDatabaseSettings.pagecache_memory, ByteUnit.mebiBytes(128))
        // After a checkpoint the store holds all commits, so a small log is enough.
        .setConfig(GraphDatabaseSettings.logical_log_rotation_threshold, ByteUnit.mebiBytes(32))
        .setConfig(GraphDatabaseSettings.keep_logical_logs, "1 files")
        // No telemetry, and no client's name in a log.
        .setConfig(GraphDatabaseSettings.udc_enabled, false)
        .setConfig(GraphDatabaseInternalSettings.udc_network_enabled, false)
        .setConfig(BoltConnector.server_bolt_telemetry_enabled, false)
        .setConfig(GraphDatabaseSettings.log_queries, LogQueryLevel.OFF)
        .setConfig(GraphDatabaseSettings.debug_log_enabled, false)
        // By default it waits twice for 5 s for late clients.
        .setConfig(GraphDatabaseInternalSettings.netty_server_shutdown_quiet_period, 0)
        .build();
  }

  private static void rehearse(GraphDatabaseService database) {
    database.executeTransactionally(
        "CREATE CONSTRAINT rehearsed IF NOT EXISTS FOR (r:Rehearsed) REQUIRE r.id IS UNIQUE");
    Map<String, Object> rows = Map.of("rows", List.of(Map.of("id", "1", "name", "one")));
    database.executeTransactionally(
        "UNWIND $rows AS row MERGE (r:Rehearsed {id: row.id}) SET r.name = row.name"
            + " MERGE (o:Other {id: row.id}) MERGE (r)-[:WITH]->(o)",
        rows);
    database.executeTransactionally(
        "MATCH (r:Rehearsed)-[:WITH]->() RETURN count(*) AS n, collect(r.name) AS names");
  }
}
