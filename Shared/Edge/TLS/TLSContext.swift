import COpenSSL
import Foundation
import Runtime

/// What all connections share that begin under the same certificates. Nothing in it changes once it was made.
///
/// Ciphers and the least strength are those of the distribution's policy; renegotiation and compression are off.
final class TLSContext: @unchecked Sendable {
    // OpenSSL counts references to a context by atomics, and only reads it once connections are made of it.

    /// Of the first certificate: every connection begins with it.
    let pointer: OpaquePointer
    /// When the first certificate of all chains to end does so, in seconds since 1970.
    let expiry: Int
    private let contexts: UnsafeMutableBufferPointer<OpaquePointer?>
    private let names: UnsafeMutablePointer<closter_contexts>

    /// Reads the files.
    ///
    /// - Parameter tickets: what sessions are sealed with; a context with the same keys resumes them.
    /// - Throws: a problem for each file that cannot be used.
    init(_ files: ServiceConfiguration.TLS, tickets: TicketKeys, service: String) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        let made = files.pairs.map { Self.context($0, files, tickets, &problems) }
        guard problems.isEmpty, let first = made.first, let first else {
            for context in made { SSL_CTX_free(context) }
            throw ConfigurationError(service: service, problems: problems)
        }
        pointer = first
        expiry = made.compactMap(\.self).map { Int(closter_ssl_expiry($0)) }.min() ?? 0
        contexts = .allocate(capacity: made.count)
        _ = contexts.initialize(fromContentsOf: made)
        names = .allocate(capacity: 1)
        names.initialize(to: closter_contexts(all: UnsafePointer(contexts.baseAddress), count: made.count))
        if made.count > 1 { closter_ssl_choose_by_name(names) }
    }

    deinit {
        for context in contexts { SSL_CTX_free(context) }
        contexts.deallocate()
        names.deallocate()
    }

    private static func context(
        _ pair: ServiceConfiguration.TLS.Pair, _ files: ServiceConfiguration.TLS, _ tickets: TicketKeys,
        _ problems: inout [ConfigurationError.Problem]
    ) -> OpaquePointer? {
        func attempt(_ key: String, _ what: String, _ call: () -> Bool) {
            ERR_clear_error()
            guard !call() else { return }
            let problem = ConfigurationError.Problem(key: key, message: "\(what): \(TLSFailure.taken())")
            if !problems.contains(problem) { problems.append(problem) }
        }
        closter_ssl_stays()
        guard let context = closter_ssl_context() else {
            attempt("CLOSTER_TLS_CERTIFICATE", "OpenSSL cannot begin") { false }
            return nil
        }
        attempt("CLOSTER_TLS_CERTIFICATE", "\(pair.certificate) is no certificate chain in PEM that can be used") {
            prepare(context, tickets) && SSL_CTX_use_certificate_chain_file(context, pair.certificate) == 1
        }
        attempt("CLOSTER_TLS_KEY", "\(pair.key) is no key in PEM without a passphrase that goes with the certificate") {
            closter_ssl_use_key(context, pair.key) == 1
        }
        attempt("CLOSTER_TLS_CLIENT_CA", "\(files.clientAuthority ?? "") has no certificates in PEM that can be used") {
            admit(files, context)
        }
        return context
    }

    private static func prepare(_ context: OpaquePointer, _ tickets: TicketKeys) -> Bool {
        SSL_CTX_set_alpn_select_cb(
            context, { _, chosen, length, offered, count, _ in TLSContext.select(chosen, length, offered, Int(count)) },
            nil)
        return closter_ssl_harden(context) == 1 && closter_ssl_ticket_keys(context, tickets.bytes) == 1
    }

    /// Chooses the first of our protocols that the client has offered. A client that offered none of them is told so.
    private static func select(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ count: Int
    ) -> Int32 {
        let offers = UnsafeBufferPointer(start: offered, count: count)
        for version in HTTPVersion.allCases {
            // Each is a byte of length and a name; OpenSSL has checked that they add up.
            var start = 0
            while start < offers.count, start + Int(offers[start]) < offers.count {
                let name = offers[(start + 1)..<(start + 1 + Int(offers[start]))]
                if name.elementsEqual(version.rawValue.utf8) {
                    chosen?.pointee = UnsafeBufferPointer(rebasing: name).baseAddress
                    length?.pointee = offers[start]
                    return Int32(closter_alpn_chosen)
                }
                start += 1 + name.count
            }
        }
        return Int32(closter_alpn_refused)
    }

    /// Which clients are asked who they are, and believed.
    private static func admit(_ files: ServiceConfiguration.TLS, _ context: OpaquePointer) -> Bool {
        // A session is resumed only under the rules it began under: its certificate is not looked at again.
        var rules = Data("\(files.clients)".utf8)
        if let authority = files.clientAuthority {
            guard closter_ssl_ask_clients(context, authority, files.clients == .required ? 1 : 0) == 1,
                let authorities = FileManager.default.contents(atPath: authority)
            else { return false }
            rules += authorities
        }
        return rules.withUnsafeBytes { closter_ssl_session_rules(context, $0.baseAddress, $0.count) == 1 }
    }
}

/// What the tickets of sessions are sealed with. They never leave the process, and do not stay for longer than a day: who
/// learns them could read the sessions of TLS 1.2 that were recorded.
struct TicketKeys: Sendable {
    fileprivate let bytes: [UInt8]
    private let madeAt = ContinuousClock.now

    init() {
        var source = SystemRandomNumberGenerator()
        // A name, a key for HMAC, one for AES.
        bytes = (0..<closter_ticket_key_bytes).map { _ in .random(in: 0...255, using: &source) }
    }

    var areOld: Bool { ContinuousClock.now - madeAt > .seconds(86_400) }
}
