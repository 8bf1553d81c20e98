import Edge
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Runtime

/// An edge without a service behind it, for programs that test the transport from outside: h2load, hostile clients.
///
///     CLOSTER_HTTP_PORT=PORT closter-test-edge [PATIENCE-MS]
///
/// `/hot` is answered by the hot path, `/cold` by a route; `/echo` answers how many bytes it was sent, `/parts` and
/// `/endless` stream. With an argument, clients get that much time where they would get seconds.
@main
struct EdgeServer {
    static func main() async {
        await ServiceProcess.run("edge", requires: [], defaultPort: 0) { environment in
            let router = Edge.makeRouter()
            router.get("/cold") { _, _ in Response.json(Hot.text) }
            router.post("/echo") { request, _ in
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                return Response.json(Array("\(count)".utf8))
            }
            router.get("/parts") { _, _ in stream(16) }
            router.get("/endless") { _, _ in stream(.max) }
            var limits = TransportLimits()
            if let patience = CommandLine.arguments.dropFirst().first.flatMap({ Int64($0) }) {
                limits.headTime = .milliseconds(patience)
                limits.bodyTime = .milliseconds(patience)
                limits.idleTime = .milliseconds(4 * patience)
            }
            return [
                Edge.application(router, environment: environment, authenticator: nil, limits: limits, hotPath: Hot())
            ]
        }
    }

    private static func stream(_ parts: Int) -> Response {
        Response(
            status: .ok,
            body: ResponseBody { writer in
                let part = ByteBuffer(repeating: 0x61, count: 16 << 10)
                for _ in 0..<parts { try await writer.write(part) }
                try await writer.finish(nil)
            })
    }
}

/// Knows one answer, of one kilobyte.
private struct Hot: HotPath {
    static let text = Array("\"\(String(repeating: "a", count: 1_022))\"".utf8)

    private let response: FinishedResponse

    init() {
        response = FinishedResponse(
            status: 200, [.contentType: "application/json", .eTag: "\"1-x\"", .cacheControl: "private, no-cache"],
            body: ByteBuffer(bytes: Self.text))
    }

    func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse? {
        request.target == "/hot" ? response : nil
    }
}
