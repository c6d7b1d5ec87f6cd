import InsightsPlugin
import NIOSSL
import Testing

@testable import InsightsHTTPClient

/// A key and a certificate of localhost that nobody has signed but itself; of use nowhere else.
private let keyAndCertificate = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTfJoZEAtsHvD0eg/
    rsVM8k9HZlUMhkPeK6g2FdpRcf6hRANCAAQz3Cetxpi2i+mRMflHtL+5GUgm/x7k
    PvqQu/Ai+0Jv8AUDtjv9K6jY+h2mUqVUGyb45wmxajL77aURSSNY/Ksr
    -----END PRIVATE KEY-----
    -----BEGIN CERTIFICATE-----
    MIIBlTCCATugAwIBAgIUPAFi916NrKtofNBq8nTrsqPmTXgwCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEzMzgyNloYDzIxMjYxMTAx
    MTMzODI2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
    PQMBBwNCAAQz3Cetxpi2i+mRMflHtL+5GUgm/x7kPvqQu/Ai+0Jv8AUDtjv9K6jY
    +h2mUqVUGyb45wmxajL77aURSSNY/Ksro2kwZzAdBgNVHQ4EFgQUQ0KHdCCN38im
    A1JP9/o/IhlIpx4wHwYDVR0jBBgwFoAUQ0KHdCCN38imA1JP9/o/IhlIpx4wDwYD
    VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
    SAAwRQIhALKNrV45pCT+7v006oAoRYI7HSO9irh0Ht5pmRyuCVdWAiAfAJtzxU6s
    xebj3Qugx++03e/LJw9lPu0L/PGkkQtR7w==
    -----END CERTIFICATE-----
    """

@Suite("Who a server is")
struct TrustTests {
    private func server() async throws -> (TestServer, NIOSSLCertificate) {
        let certificate = try #require(try NIOSSLCertificate.fromPEMBytes(Array(keyAndCertificate.utf8)).first)
        let key = try NIOSSLPrivateKey(bytes: Array(keyAndCertificate.utf8), format: .pem)
        let configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        let server = try await TestServer(tls: try NIOSSLContext(configuration: configuration)) { _, _ in
            .answer(200, [:], "secret")
        }
        return (server, certificate)
    }

    @Test("A certificate that is vouched for is trusted, under its own name alone")
    func trusted() async throws {
        let (server, certificate) = try await server()
        let bench = Bench(trustRoots: .certificates([certificate]))
        let good = HTTP.Request(.get, try HTTP.URL("https://localhost:\(server.port)/a"))
        #expect(try await bench.client().send(good).body == Array("secret".utf8))
        let bad = HTTP.Request(.get, try HTTP.URL("https://127.0.0.1:\(server.port)/a"))
        let failure = try await failure { _ = try await bench.client().send(bad) }
        #expect(failure.code == HTTP.FailureCode.tls)
        await bench.close()
        await server.shutdown()
    }

    @Test("A certificate that nobody vouches for is not")
    func untrusted() async throws {
        let (server, _) = try await server()
        let bench = Bench()
        let request = HTTP.Request(.get, try HTTP.URL("https://localhost:\(server.port)/a?key=hidden"))
        let failure = try await failure { _ = try await bench.client().send(request) }
        #expect(failure.code == HTTP.FailureCode.tls)
        #expect(!failure.isRetryable)
        #expect(failure.message.contains("https://localhost:\(server.port)/a: its certificate is not trusted"))
        #expect(server.requests.isEmpty)
        await bench.close()
        await server.shutdown()
    }

    @Test("A server that is slow to prove itself is none")
    func slow() async throws {
        let server = try await TestServer { _, _ in .answer(200) }
        let bench = Bench(connectTimeout: .milliseconds(100))
        let request = HTTP.Request(.get, try HTTP.URL("https://127.0.0.1:\(server.port)/a"))
        let failure = try await failure { _ = try await bench.client().send(request) }
        #expect(failure.code == HTTP.FailureCode.timeout)
        #expect(failure.message.contains("no connection within its time"))
        await bench.close()
        await server.shutdown()
    }

    @Test("A port that speaks plain HTTP says so")
    func plain() async throws {
        let server = try await TestServer(greeting: "HTTP/1.1 400 Bad Request\r\n\r\n") { _, _ in .answer(200) }
        let bench = Bench()
        var request = HTTP.Request(.get, try HTTP.URL("https://127.0.0.1:\(server.port)/a"))
        request.tries = 1
        let failure = try await failure { _ = try await bench.client().send(request) }
        #expect(failure.code == HTTP.FailureCode.tls)
        #expect(failure.message.contains("does not speak TLS"))
        await bench.close()
        await server.shutdown()
    }
}
