/// Why a request to PostgreSQL did not give its rows.
///
/// `description` is safe to log: it never holds a parameter's value, a row's value or a password. `message` is the
/// server's own primary message, which may quote values (`invalid input syntax for type uuid: "…"`): show it to
/// nobody who may not see the data.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Equatable, Sendable {
        /// The server refused or failed the statement; its transaction is rolled back.
        case server(sqlState: String)
        /// No connection could be had: nothing was sent.
        case connectionFailed
        /// The connection died after the request was sent: whether it took effect is unknown (a read has no effect).
        case connectionLost
        /// The deadline passed. A write that fails with this was rolled back by the server.
        case deadlineExceeded
        /// No connection of the pool became free in time: nothing was sent.
        case poolWaitExceeded
        /// The task was cancelled. A write that fails with this was rolled back or never sent.
        case cancelled
        /// A column's value is not of the type asked for, or there is no such column.
        case decoding
        /// The pool or connection was closed before the request was sent.
        case closed
        case invalidConfiguration
    }

    public var kind: Kind
    public var message: String
    public var constraint: String?
    public var table: String?
    public var column: String?
    /// The server's detail, kept only where it cannot hold values of rows.
    public var detail: String?
    var state: String?

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        if case .server(let sqlState) = kind { state = sqlState }
    }

    /// The five characters by which the server named the failure, also where `kind` says more.
    public var sqlState: String? { state }

    public var description: String {
        var text = "PostgresError(\(name)"
        if let state { text += " \(state)" }
        if let constraint { text += ", constraint: \(constraint)" }
        if let table { text += ", table: \(table)" }
        if let column { text += ", column: \(column)" }
        if isMessageSafe { text += ": \(message)" }
        return text + ")"
    }

    private var name: String {
        switch kind {
        case .server: "server"
        case .connectionFailed: "connectionFailed"
        case .connectionLost: "connectionLost"
        case .deadlineExceeded: "deadlineExceeded"
        case .poolWaitExceeded: "poolWaitExceeded"
        case .cancelled: "cancelled"
        case .decoding: "decoding"
        case .closed: "closed"
        case .invalidConfiguration: "invalidConfiguration"
        }
    }

    /// Messages of our own hold no values; the server's are quoted only from classes whose messages name objects.
    private var isMessageSafe: Bool {
        guard let state else { return true }
        return Self.safeClasses.contains(String(state.prefix(2)))
    }

    static let safeClasses: Set<String> = [
        "08", "0A", "23", "25", "26", "28", "2B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "F0",
    ]
    static let safeDetailClasses: Set<String> = ["2B", "40", "42", "53", "55", "57"]
}
