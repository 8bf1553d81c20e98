import JSON
import Postgres

/// Why a command could not do what it was asked: one line for people, and further lines where there is more to say.
/// Holds no secret.
struct ToolFailure: Error, Equatable, Sendable {
    var message: String
    var details: [String]
    /// The HTTP status and the problem's code, where a service refused.
    var status: Int?
    var code: String?
    /// The database was away; it may be back in a moment.
    var isOutage: Bool

    init(
        _ message: String, details: [String] = [], status: Int? = nil, code: String? = nil, isOutage: Bool = false
    ) {
        self.message = message
        self.details = details
        self.status = status
        self.code = code
        self.isOutage = isOutage
    }

    init(describing error: any Error) {
        switch error {
        case let failure as ToolFailure: self = failure
        case let error as PostgresError: self.init("PostgreSQL: \(error)", isOutage: error.isOutage)
        case is CancellationError: self.init("interrupted")
        default: self.init(String(describing: error))
        }
    }

    /// From the problem document (RFC 9457) of a refusing service: title, detail, and each field's error.
    init(problem body: [UInt8], status: Int, from service: String) {
        guard let problem = try? JSONValue(parsing: body), problem["title"]?.stringValue != nil else {
            self.init("\(service) answered \(status)", status: status)
            return
        }
        var message = problem["title"]?.stringValue ?? ""
        if let detail = problem["detail"]?.stringValue, !detail.isEmpty, detail != message { message += ": \(detail)" }
        let said = problem["detail"]?.stringValue
        var details = (problem["errors"]?.arrayValue ?? []).compactMap { error -> String? in
            let pointer = error["pointer"]?.stringValue ?? ""
            let text = error["detail"]?.stringValue ?? error["code"]?.stringValue ?? "refused"
            // A rule's refusal is told once.
            if text == said { return pointer.isEmpty ? nil : pointer }
            return pointer.isEmpty ? text : "\(pointer): \(text)"
        }
        if let correlation = problem["correlation_id"]?.stringValue { details.append("correlation \(correlation)") }
        self.init(message, details: details, status: status, code: problem["code"]?.stringValue)
    }
}

extension PostgresError {
    /// The connection died, or the server is being shut down or started.
    fileprivate var isOutage: Bool {
        [.connectionLost, .connectionFailed, .closed].contains(kind) || sqlState?.hasPrefix("57P") ?? false
    }
}
