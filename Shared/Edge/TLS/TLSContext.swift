import COpenSSL
import Foundation
import Runtime

/// What all connections that begin under one certificate share. Nothing in it changes once it was made.
///
/// Ciphers, groups and the least strength are those of the distribution's policy; renegotiation and compression are off.
final class TLSContext: @unchecked Sendable {
    // OpenSSL counts references to a context by atomics, and only reads it once connections are made of it.

    let pointer: OpaquePointer
    /// When the first certificate of the chain to end does so, in seconds since 1970.
    let expiry: Int

    /// Reads the files.
    ///
    /// - Parameter tickets: what sessions are sealed with; a context with the same keys resumes them.
    /// - Throws: a problem for each file that cannot be used.
    init(_ files: ServiceConfiguration.TLS, tickets: TicketKeys, service: String) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        func attempt(_ key: String, _ what: String, _ call: () -> Bool) {
            ERR_clear_error()
            if !call() { problems.append(.init(key: key, message: "\(what): \(TLSFailure.taken())")) }
        }
        guard let pointer = SSL_CTX_new(TLS_server_method()) else {
            attempt("CLOSTER_TLS_CERTIFICATE", "OpenSSL cannot begin") { false }
            throw ConfigurationError(service: service, problems: problems)
        }
        attempt("CLOSTER_TLS_CERTIFICATE", "\(files.certificate) is no certificate chain in PEM that can be used") {
            Self.harden(pointer) && tickets.use(in: pointer)
                && SSL_CTX_use_certificate_chain_file(pointer, files.certificate) == 1
        }
        // Where there is a certificate, this sees whether they go together.
        attempt("CLOSTER_TLS_KEY", "\(files.key) is no key in PEM without a passphrase that goes with the certificate")
        {
            SSL_CTX_use_PrivateKey_file(pointer, files.key, SSL_FILETYPE_PEM) == 1
                && (!problems.isEmpty || SSL_CTX_check_private_key(pointer) == 1)
        }
        attempt("CLOSTER_TLS_CLIENT_CA", "\(files.clientAuthority ?? "") has no certificates in PEM that can be used") {
            Self.admit(files, pointer)
        }
        guard problems.isEmpty else {
            SSL_CTX_free(pointer)
            throw ConfigurationError(service: service, problems: problems)
        }
        self.pointer = pointer
        expiry = Self.expiry(pointer)
    }

    deinit { SSL_CTX_free(pointer) }

    private static func harden(_ context: OpaquePointer) -> Bool {
        closter_ssl_harden(context)
        // Sessions are in their tickets, which cost us nothing. One is enough: it may be used for several connections.
        closter_ssl_no_session_cache(context)
        // Asked for a passphrase, OpenSSL would wait for one at the terminal.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
        SSL_CTX_set_alpn_select_cb(
            context, { _, chosen, length, offered, count, _ in TLSContext.select(chosen, length, offered, Int(count)) },
            nil)
        return SSL_CTX_set_num_tickets(context, 1) == 1 && closter_ssl_minimum_version(context, TLS1_2_VERSION) == 1
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
                    return SSL_TLSEXT_ERR_OK
                }
                start += 1 + name.count
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    /// Which clients are asked who they are, and believed.
    private static func admit(_ files: ServiceConfiguration.TLS, _ context: OpaquePointer) -> Bool {
        var name = Data("\(files.clients)".utf8)
        if let authority = files.clientAuthority {
            guard SSL_CTX_load_verify_locations(context, authority, nil) == 1,
                let bytes = FileManager.default.contents(atPath: authority),
                let names = SSL_load_client_CA_file(authority)
            else { return false }
            SSL_CTX_set_client_CA_list(context, names)
            SSL_CTX_set_verify(
                context, SSL_VERIFY_PEER | (files.clients == .required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
            name += bytes
        }
        // A session is resumed only under the rules it began under: its certificate is not looked at again.
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        name.withUnsafeBytes { _ = SHA256($0.bindMemory(to: UInt8.self).baseAddress, $0.count, &digest) }
        return SSL_CTX_set_session_id_context(context, digest, UInt32(digest.count)) == 1
    }

    private static func expiry(_ context: OpaquePointer) -> Int {
        let chain = closter_ssl_chain(context)
        let certificates =
            [SSL_CTX_get0_certificate(context)] + (0..<closter_x509_count(chain)).map { closter_x509_at(chain, $0) }
        return certificates.map { certificate in
            var time = tm()
            // A date that cannot be read is one that nobody accepts.
            return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 ? timegm(&time) : 0
        }.min() ?? 0
    }
}

/// What the tickets of sessions are sealed with. They never leave the process, and do not stay for longer than a day: who
/// learns them could read the sessions of TLS 1.2 that were recorded.
struct TicketKeys: Sendable {
    private let bytes: [UInt8]
    private let madeAt = ContinuousClock.now

    init() {
        var source = SystemRandomNumberGenerator()
        // A name, a key for HMAC, one for AES.
        bytes = (0..<80).map { _ in .random(in: 0...255, using: &source) }
    }

    var areOld: Bool { ContinuousClock.now - madeAt > .seconds(86_400) }

    fileprivate func use(in context: OpaquePointer) -> Bool {
        var bytes = bytes
        return closter_ssl_ticket_keys(context, &bytes, bytes.count) == 1
    }
}
