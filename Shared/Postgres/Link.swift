import CLibpq
import COpenSSL
import Glibc

/// Owns one connection of libpq. Knows the wire, nothing of requests.
final class Link: @unchecked Sendable {
    // One thread at a time uses `connection`; `cancel` uses only `canceller`, which libpq allows from any thread.
    private var connection: OpaquePointer?
    private let canceller: OpaquePointer?
    private var lastWords = "the connection is closed"
    let backendProcess: Int32

    private init(_ connection: OpaquePointer) {
        self.connection = connection
        canceller = PQgetCancel(connection)
        backendProcess = PQbackendPID(connection)
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        PQsetnonblocking(connection, 1)
    }

    deinit {
        PQfreeCancel(canceller)
        PQfinish(connection)
    }

    /// Says goodbye and closes the socket. The connection counts as broken from here on.
    func hangUp() {
        if isBroken { lastWords = lastError }
        PQfinish(connection)
        connection = nil
    }

    /// Connects, blocking the calling thread for at most the configured time (name resolution apart).
    static func open(_ configuration: PostgresConfiguration) throws(PostgresError) -> Link {
        let deadline = monotonicNow() + configuration.connectTimeout.nanoseconds
        guard let connection = start(configuration.connectionOptions) else {
            throw PostgresError(.connectionFailed, "out of memory")
        }
        var awaited = PGRES_POLLING_WRITING
        while true {
            if PQstatus(connection) == CONNECTION_BAD || awaited == PGRES_POLLING_FAILED {
                let message = errorMessage(connection)
                PQfinish(connection)
                throw PostgresError(.connectionFailed, message)
            }
            if awaited == PGRES_POLLING_OK { return Link(connection) }
            guard monotonicNow() < deadline else {
                PQfinish(connection)
                throw PostgresError(.connectionFailed, "no connection within \(configuration.connectTimeout)")
            }
            waitToConnect(connection, write: awaited == PGRES_POLLING_WRITING, until: deadline)
            awaited = PQconnectPoll(connection)
        }
    }

    private static func start(_ options: [(keyword: String, value: String)]) -> OpaquePointer? {
        // Before libpq uses it: this thread may still be connecting while the process exits.
        closter_ssl_stays()
        // libpq copies the texts before it returns.
        let texts = options.map { (strdup($0.keyword), strdup($0.value)) }
        defer { for (keyword, value) in texts { free(keyword); free(value) } }
        let keywords = texts.map { UnsafePointer($0.0) } + [nil]
        let values = texts.map { UnsafePointer($0.1) } + [nil]
        return PQconnectStartParams(keywords, values, 0)
    }

    private static func waitToConnect(_ connection: OpaquePointer, write: Bool, until deadline: Int64) {
        var descriptor = pollfd(fd: PQsocket(connection), events: Int16(write ? POLLOUT : POLLIN), revents: 0)
        poll(&descriptor, 1, pollTimeout(until: deadline))
    }

    private static func errorMessage(_ connection: OpaquePointer?) -> String {
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.isEmpty ? "the connection broke" : line
    }

    // MARK: State

    var socket: Int32 { PQsocket(connection) }
    var isBroken: Bool { PQstatus(connection) == CONNECTION_BAD }
    var isIdle: Bool { PQtransactionStatus(connection) == PQTRANS_IDLE }
    var isInFailedTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }
    var lastError: String { connection == nil ? lastWords : Self.errorMessage(connection) }
    var lostError: PostgresError { PostgresError(.connectionLost, lastError) }

    // MARK: Sending; false: the connection is broken or was used wrongly (`lastError`)

    func sendSimple(_ text: String) -> Bool { PQsendQuery(connection, text) == 1 }

    func send(_ sql: SQL) -> Bool {
        sql.parameters.withPointers { types, values, lengths, formats in
            PQsendQueryParams(
                connection, sql.text, Int32(sql.parameters.count), types, values, lengths, formats, 0) == 1
        }
    }

    func sendPrepare(_ name: String, _ sql: SQL) -> Bool {
        sql.parameters.withPointers { types, _, _, _ in
            PQsendPrepare(connection, name, sql.text, Int32(sql.parameters.count), types) == 1
        }
    }

    func send(prepared name: String, _ sql: SQL) -> Bool {
        sql.parameters.withPointers { _, values, lengths, formats in
            PQsendQueryPrepared(connection, name, Int32(sql.parameters.count), values, lengths, formats, 0) == 1
        }
    }

    func enterPipeline() -> Bool { PQenterPipelineMode(connection) == 1 }
    func exitPipeline() -> Bool { PQexitPipelineMode(connection) == 1 }
    func sync() -> Bool { PQpipelineSync(connection) == 1 }

    /// True while bytes wait for the socket to take them.
    func flush() -> Bool { connection != nil && PQflush(connection) == 1 }

    // MARK: Receiving

    /// Reads what has come. False: the connection is broken.
    func consume() -> Bool { PQconsumeInput(connection) == 1 }
    /// True: asking for a result would block.
    var isBusy: Bool { PQisBusy(connection) == 1 }

    enum Outcome {
        /// The statement's end.
        case end
        case rows(Rows)
        case failed(PostgresError)
        /// Not run, because something before it in its transaction failed.
        case aborted
        /// The end of a transaction; idle: no explicit one is open.
        case synced(isIdle: Bool)
        /// COPY, which has no place here: the connection cannot go on.
        case unusable
    }

    func nextResult() -> Outcome {
        guard let result = PQgetResult(connection) else { return .end }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return .rows(Rows(result))
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            return .synced(isIdle: isIdle)
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            return .aborted
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            return .unusable
        default:
            let error = error(of: ResultHandle(result))
            return .failed(error)
        }
    }

    private func error(of result: borrowing ResultHandle) -> PostgresError {
        // The macros are character literals.
        let state = Self.field("C", of: result)
        let message = Self.field("M", of: result) ?? lastError
        var error: PostgresError
        if let state, !isBroken, !Self.endsConnection(state) {
            error = PostgresError(.server(sqlState: state), message)
        } else {
            error = PostgresError(.connectionLost, message)
            error.state = state
        }
        error.constraint = Self.field("n", of: result)
        error.table = Self.field("t", of: result)
        error.column = Self.field("c", of: result)
        if let state, PostgresError.safeDetailClasses.contains(String(state.prefix(2))) {
            error.detail = Self.field("D", of: result)
        }
        return error
    }

    /// Shut down, crashed, starting up, database dropped, idle too long: the backend says goodbye.
    private static func endsConnection(_ state: String) -> Bool {
        ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03"].contains(state)
    }

    private static func field(_ name: Unicode.Scalar, of result: borrowing ResultHandle) -> String? {
        closter_error_field(result.pointer, CChar(truncatingIfNeeded: name.value)).map { String(cString: $0) }
    }

    /// A notification that has come, with its channel; nil if there is none.
    func nextNotification() -> (channel: String, payload: String)? {
        guard let notification = PQnotifies(connection) else { return nil }
        defer { PQfreemem(notification) }
        return (String(cString: notification.pointee.relname), String(cString: notification.pointee.extra))
    }

    /// Asks the server to cancel whatever runs. Blocks, and is not encrypted (libpq 15): never on a reactor's thread.
    func cancel() {
        var message = [CChar](repeating: 0, count: 256)
        PQcancel(canceller, &message, Int32(message.count))
    }
}
