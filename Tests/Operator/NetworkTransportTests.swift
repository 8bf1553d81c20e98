import Foundation
import Testing

@testable import Operator

@Suite struct `On the wire` {
    @Test func `a file arrives whole and its progress is told`() async throws {
        try await withFolder { folder in
            // given a file of several pieces
            let line = "a,b,c,ż\r\n"
            let text = String(repeating: line, count: 2 * FileChunks.chunk / line.utf8.count)
            try write(text, to: folder + "/big.csv")
            let sizes = Sizes()

            try await LocalServer.with({ _, _ in .init(status: 202, body: #"{"id":"import_x"}"#) }) { server in
                // when
                let response = try await NetworkTransport().send(
                    Request(
                        method: "POST", url: server.url + "/v1/imports?format=shopify",
                        headers: [("authorization", "Bearer t")],
                        body: .file(FileChunks(path: folder + "/big.csv"), contentType: "text/csv") { size in
                            Task { await sizes.add(size) }
                        }))

                // then
                #expect(response.status == 202)
                #expect(String(decoding: response.body, as: UTF8.self) == #"{"id":"import_x"}"#)
                let request = try #require(server.requests.first)
                #expect(request.uri == "/v1/imports?format=shopify")
                #expect(request.headers["content-type"] == "text/csv")
                #expect(request.headers["content-length"] == String(text.utf8.count))
                #expect(request.headers["authorization"] == "Bearer t")
                #expect(request.body == Array(text.utf8))
            }
        }
    }

    private actor Sizes {
        var all: [Int] = []
        func add(_ size: Int) { all.append(size) }
    }

    @Test func `headers of the answer are found whatever their case`() async throws {
        try await LocalServer.with({ _, _ in .init(status: 503, headers: ["Retry-After": "3"]) }) { server in
            let response = try await NetworkTransport().send(Request(method: "GET", url: server.url))
            #expect(response.status == 503)
            #expect(response.header("retry-after") == "3")
        }
    }

    @Test func `nobody there is told from a connection that breaks off`() async throws {
        let url = try await LocalServer.with({ _, _ in .init(breaksOff: true) }) { server in
            let broken = await #expect(throws: TransportFailure.self) {
                try await NetworkTransport().send(Request(method: "POST", url: server.url))
            }
            #expect(broken?.kind == .broken)
            return server.url
        }
        let unreachable = await #expect(throws: TransportFailure.self) {
            try await NetworkTransport().send(Request(method: "POST", url: url))
        }
        #expect(unreachable?.kind == .unreachable)
    }

    @Test func `a file that shrinks while it is sent is not sent by halves`() async throws {
        try await withFolder { folder in
            let path = folder + "/a.csv"
            try write("0123456789", to: path)
            let chunks = try FileChunks(path: path)
            try write("01234", to: path)
            try await LocalServer.with({ _, _ in .init() }) { server in
                let failure = await #expect(throws: TransportFailure.self) {
                    try await NetworkTransport().send(
                        Request(
                            method: "POST", url: server.url,
                            body: .file(chunks, contentType: "text/csv", sent: { _ in })))
                }
                #expect(failure?.kind == .unreadable)
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func `the whole tool works over a real socket`() async throws {
        try await withFolder { folder in
            try write("Handle\na\n", to: folder + "/a.csv")
            try await LocalServer.with({ request, _ in
                request.method == "POST"
                    ? .init(status: 202, body: #"{"id":"\#(Importing.id)"}"#) : .init(body: Importing.done)
            }) { server in
                try write(
                    """
                    CLOSTER_COMMAND_URL=\(server.url)
                    CLOSTER_QUERY_URL=\(server.url)
                    CLOSTER_OPERATOR_TOKEN=t
                    CLOSTER_TENANT=demo
                    """, to: folder + "/.closter/local.env")
                let run = await closter(
                    ["import", folder + "/a.csv"], environment: [:], directory: folder, transport: NetworkTransport())
                #expect(run.status == 0)
                #expect(run.out.hasPrefix(Importing.id + " done: 2 created"))
            }
        }
    }
}
