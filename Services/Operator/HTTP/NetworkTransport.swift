import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// The real network, by one HTTP client for the process.
struct NetworkTransport: Transport {
    /// An import of 64 MiB has a report of some hundred thousand lines.
    static let largestAnswer = 512 * 1024 * 1024

    /// An open answer has a heartbeat each 15 s: after two that are missing, nobody is there.
    static let silence = TimeAmount.seconds(45)

    private static let client = client(.init(connect: .seconds(5)))
    private static let opener = client(.init(connect: .seconds(5), read: silence))

    /// Lives as long as the process. Trying again is the caller's business, who knows what may be sent twice.
    private static func client(_ timeout: HTTPClient.Configuration.Timeout) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: timeout, decompression: .disabled)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func send(_ request: Request) async throws(TransportFailure) -> Response {
        do {
            let response = try await Self.client.execute(
                Self.outgoing(request), timeout: TimeAmount(request.deadline))
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            return Response(
                status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                body: Array(buffer: body))
        } catch {
            throw Self.failure(error)
        }
    }

    func open(_ request: Request) async throws(TransportFailure) -> OpenResponse {
        do {
            let response = try await Self.opener.execute(
                Self.outgoing(request), timeout: TimeAmount(request.deadline))
            return OpenResponse(
                status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                body: response.body)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func outgoing(_ request: Request) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .RAW(value: request.method)
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        switch request.body {
        case .none: break
        case .bytes(let bytes, let contentType):
            outgoing.headers.replaceOrAdd(name: "content-type", value: contentType)
            outgoing.body = .bytes(bytes)
        case .file(let file, let contentType, let sent):
            outgoing.headers.replaceOrAdd(name: "content-type", value: contentType)
            outgoing.body = .stream(Counted(file: file, sent: sent), length: .known(Int64(file.size)))
        }
        return outgoing
    }

    private static func failure(_ error: any Error) -> TransportFailure {
        switch error {
        case is FileChunks.Changed:
            TransportFailure(kind: .unreadable, message: "the file changed while it was being sent")
        case is NIOConnectionError:
            TransportFailure(kind: .unreachable, message: "no connection")
        case let error as IOError where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode):
            TransportFailure(kind: .unreachable, message: "no connection")
        case let error as HTTPClientError where error == .connectTimeout:
            TransportFailure(kind: .unreachable, message: "no connection in time")
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            TransportFailure(kind: .broken, message: "no answer in time")
        default:
            TransportFailure(kind: .broken, message: "the connection broke off")
        }
    }

    private struct Counted: AsyncSequence, Sendable {
        let file: FileChunks
        let sent: @Sendable (Int) -> Void

        struct Iterator: AsyncIteratorProtocol {
            var chunks: FileChunks.Iterator
            var total = 0
            let sent: @Sendable (Int) -> Void

            mutating func next() async throws -> ByteBuffer? {
                let chunk = try await chunks.next()
                total += chunk?.readableBytes ?? 0
                sent(total)
                return chunk
            }
        }

        func makeAsyncIterator() -> Iterator { Iterator(chunks: file.makeAsyncIterator(), sent: sent) }
    }
}
