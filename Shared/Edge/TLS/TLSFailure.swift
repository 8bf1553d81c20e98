import COpenSSL

/// What OpenSSL could not do.
struct TLSFailure: Error, CustomStringConvertible {
    let description: String
    /// A client has spoken HTTP where TLS is spoken.
    let isHTTP: Bool

    /// Takes the errors out of this thread's queue; the first one is the cause.
    static func taken() -> TLSFailure {
        var isHTTP: Int32 = 0
        let text = closter_error(&isHTTP)
        return TLSFailure(description: text.map { String(cString: $0) } ?? "it does not say why", isHTTP: isHTTP == 1)
    }
}
