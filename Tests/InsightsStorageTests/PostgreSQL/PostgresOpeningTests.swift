import Foundation
import InsightsEngine
import InsightsPostgresServer
import InsightsStorage
import InsightsTestWire
import Testing

/// What can be wrong with a server or a database when it is opened: each has its own message, and the way out.
@Suite("Opening a PostgreSQL database", .offPool)
struct PostgresOpeningTests {
    private static func name() -> String { "opening_" + UUID().uuidString.prefix(8).lowercased() }

    private func refusal(_ uri: String, mode: PostgresStore.Mode = .create) -> StoreError? {
        #expect(throws: StoreError.self) { _ = try PostgresStore.open(uri: uri, mode: mode) }
    }

    @Test("a wrong password is told, and never shown")
    func password() throws {
        let server = try PostgresServer.shared()
        let error = refusal(server.tcpURI("postgres", password: "wr0ng-secret"))
        #expect(error?.kind == .unavailable && error?.message.contains("refuses the user or the password") == true)
        #expect(error?.help?.contains("PGPASSWORD") == true)
        #expect(error?.description.contains("wr0ng-secret") == false)
    }

    @Test("the right password opens it over TCP")
    func tcp() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        _ = try server.database(name)
        let store = try PostgresStore.open(uri: server.tcpURI(name))
        #expect(store.label == "postgres://127.0.0.1:\(server.port)/\(name)")
        try await store.probe()
        await store.close()
    }

    @Test("a database or a user that is not there is told by its name")
    func missing() throws {
        let server = try PostgresServer.shared()
        let database = refusal(server.socketURI("no_such_database"))
        #expect(database?.message.contains("there is no such database") == true)
        #expect(database?.help?.contains("createdb") == true)
        let user = refusal(server.socketURI("postgres", user: "nobody_known"))
        #expect(user?.message.contains("knows no such user") == true && user?.help?.contains("createuser") == true)
    }

    @Test("a host that cannot be found, a port where nobody listens, and a server without TLS each say so")
    func unreachable() throws {
        let server = try PostgresServer.shared()
        let host = refusal("postgres://no-such-host.invalid/d?sslmode=disable")
        #expect(host?.message.contains("cannot be found") == true)
        let port = refusal("postgres://127.0.0.1:1/d")
        #expect(port?.message.contains("no connection to postgres://127.0.0.1:1/d") == true)
        let tls = refusal(server.tcpURI("postgres") + "?sslmode=require")
        #expect(tls?.message.contains("no trusted TLS connection") == true)
        #expect([host, port, tls].allSatisfy { $0?.kind == .unavailable })
    }

    @Test("TLS is taken from whom an authority vouches for, under the name that it vouches for, and from nobody else")
    func trusted() async throws {
        let server = try PostgresServer(settings: ["fsync": "off"], certifiedAs: "localhost")
        let (authority, other) = (server.folder + "/server.pem", try server.authority("other"))
        func uri(_ host: String, _ root: String) -> String {
            server.tcpURI("postgres").replacing("127.0.0.1", with: host) + "?sslmode=verify-full&sslrootcert=\(root)"
        }
        let store = try PostgresStore.open(uri: uri("localhost", authority))
        try await store.probe()
        // Its own connections, all of them.
        #expect(
            try server.query(
                "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL",
                in: "postgres") == "t")
        await store.close()
        for (uri, reason) in [
            (uri("localhost", other), "certificate verify failed"), (uri("127.0.0.1", authority), "127.0.0.1"),
        ] {
            let error = refusal(uri)
            #expect(error?.kind == .unavailable && error?.message.contains("no trusted TLS connection") == true)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(error?.help?.contains("sslrootcert") == true)
        }
        try server.stop(.immediate)
    }

    @Test("of several hosts the first that answers is taken")
    func severalHosts() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        _ = try server.database(name)
        let store = try PostgresStore.open(
            uri:
                "postgres://postgres@127.0.0.1:1,127.0.0.1:\(server.port)/\(name)?target_session_attrs=read-write&password="
                + "p4ss%3Aw0rd")
        try await store.probe()
        await store.close()
    }

    @Test("a server that is too old is told with the oldest that works")
    func tooOld() throws {
        let server = try FakeServer(version: "13.23")
        let error = refusal("postgres://u@127.0.0.1:\(server.port)/d?sslmode=disable")
        #expect(error?.message.contains("is PostgreSQL 13.23; this program needs 14 or newer") == true)
    }

    @Test("tables of a newer program are left alone, and both versions are named")
    func newer() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let store = try PostgresStore.open(uri: try server.database(name))
        await store.close()
        try server.query("INSERT INTO insights.schema_version (version) VALUES (77)", in: name)
        let error = refusal(server.socketURI(name))
        #expect(error?.kind == .schemaTooNew)
        #expect(error?.message.contains("version 77") == true && error?.message.contains("up to version 2") == true)
    }

    @Test("tables of an older program are brought up to date with what they hold")
    func older() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let uri = try server.database(name)
        let store = try PostgresStore.open(uri: uri, lease: .seconds(3600))
        try await store.acquire(Desk.node)
        let task = try await store.register([TaskRegistration(name: "a", hash: 1)], at: Desk.start)[0].id
        var ids = RunIDSource(seed: 1)
        let claims = (0..<3).map { number -> Claim in
            let at = Desk.at(Double(number))
            return Claim(
                run: ids.next(at: at), task: task, uses: "test.module", occurrence: at, scheduledAt: at,
                trigger: .cadence, attempts: 1, at: at, starts: number > 0, lateness: nil, movesDependents: true,
                clearsMarks: false)
        }
        let end = AttemptFinish(
            run: claims[1].run, task: task, fence: 1, disposition: .final(.failed, reason: nil), at: Desk.at(9))
        let outcomes = try await store.commit(claims.map { .claim($0) } + [.finish(end)])
        #expect(outcomes.allSatisfy { $0 == .done })
        await store.close()
        // As version 1 had them.
        try server.query(
            """
            ALTER TABLE insights.runs DROP COLUMN outcome;
            CREATE UNIQUE INDEX runs_by_task ON insights.runs (task_id, scheduled_at, is_occurrence) INCLUDE (row, status);
            CREATE INDEX runs_by_status ON insights.runs (status, scheduled_at, row);
            DELETE FROM insights.schema_version WHERE version = 2
            """, in: name)
        let migrated = try PostgresStore.open(uri: uri, lease: .seconds(3600))
        #expect(try server.query("SELECT max(version) FROM insights.schema_version", in: name) == "2")
        for (status, claim) in zip([RunStatus.queued, .failed, .running], claims) {
            #expect(try await migrated.runs(RunQuery(status: status)).items.map(\.id) == [claim.run])
        }
        await migrated.close()
    }

    @Test("who must not alter tables is told to migrate apart, and then works with them")
    func roles() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let owner = try server.database(name)
        try server.query("CREATE ROLE \(name) LOGIN", in: name)
        let uri = server.socketURI(name, user: name)
        let before = refusal(uri)
        #expect(before?.message.contains("user \(name) may not change them") == true)
        #expect(before?.help?.contains("insights migrate") == true)
        #expect(refusal(uri, mode: .existing)?.message.contains("has no tables of this program") == true)
        #expect(try PostgresStore.migrate(uri: owner) == (from: 0, to: 2))
        let ungranted = refusal(uri)
        #expect(ungranted?.message.contains("may not") == true)
        #expect(try PostgresStore.migrate(uri: owner, grantingTo: name) == (from: 2, to: 2))
        let store = try PostgresStore.open(uri: uri)
        try await store.acquire(NodeIdentity(name: "n", processID: 1, version: "1"))
        #expect(try await store.register([TaskRegistration(name: "a", hash: 1)], at: Desk.start).count == 1)
        await store.close()
    }

    @Test("several processes that start on an empty database make its tables once")
    func together() async throws {
        let server = try PostgresServer.shared()
        let uri = try server.database(Self.name())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let store = try await offPool { try PostgresStore.open(uri: uri) }
                    try await store.probe()
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a read-only database says so, and takes writes again once it is not")
    func readOnly() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let store = try PostgresStore.open(uri: try server.database(name))
        try server.query("ALTER DATABASE \"\(name)\" SET default_transaction_read_only = on", in: "postgres")
        try server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'", in: "postgres")
        // The first finds that its connection is gone.
        await #expect(throws: StoreError.self) { try await store.probe() }
        let error = await #expect(throws: StoreError.self) { try await store.probe() }
        #expect(error?.message.contains("takes no writes") == true)
        try server.query("ALTER DATABASE \"\(name)\" RESET default_transaction_read_only", in: "postgres")
        try server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'", in: "postgres")
        await #expect(throws: StoreError.self) { try await store.probe() }
        try await store.probe()
        await store.close()
    }
}
