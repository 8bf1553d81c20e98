import COpenSSL
import Foundation

/// What OpenSSL could not do.
struct TLSFailure: Error, CustomStringConvertible {
    let description: String
    /// OpenSSL's code of it, 0 where there is none.
    let code: UInt

    init(_ description: String) {
        self.description = description
        code = 0
    }

    /// Takes the errors out of this thread's queue; the first one is the cause. It names no secrets, but may name what a
    /// client has sent.
    static func taken() -> TLSFailure {
        let code = ERR_get_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return TLSFailure("the connection broke off") }
        // An error of the system has no text of OpenSSL's.
        if ERR_GET_LIB(code) == ERR_LIB_SYS { return TLSFailure(code, String(cString: strerror(ERR_GET_REASON(code)))) }
        return TLSFailure(code, ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)")
    }

    private init(_ code: UInt, _ description: String) {
        self.code = code
        self.description = description
    }

    /// A client that speaks HTTP where TLS is spoken.
    var isHTTP: Bool {
        ERR_GET_LIB(code) == ERR_LIB_SSL
            && (ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST || ERR_GET_REASON(code) == SSL_R_HTTPS_PROXY_REQUEST)
    }
}
