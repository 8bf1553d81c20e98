import COpenSSL
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct ExitTests {
    @Test func `threads that connect while the process exits still have their OpenSSL`() async {
        await #expect(processExitsWith: .success) {
            // Who is registered first is called last: after OpenSSL would have freed what it has.
            atexit { if closter_ssl_context() == nil { _exit(EXIT_FAILURE) } }
            let nowhere = try PostgresConfiguration(url: "postgresql://x@127.0.0.1:1/x")
            _ = try? await PostgresConnection.connect(nowhere, logger: logger)
            SSL_CTX_free(closter_ssl_context())
            exit(EXIT_SUCCESS)
        }
    }
}
