import HTTPTypes

/// What caches may do with an answer.
///
/// A storefront's answer may be kept by any cache that asks again before it uses it; an operator's only by the
/// browser that asked, on the same condition. Both cost a 304 as long as the bytes are the same. What happened
/// (events, streams, traces, imports) is kept nowhere.
enum Caching {
    static func write(_ visibility: Visibility, to headers: inout HTTPFields) {
        switch visibility {
        case .storefront: headers[.cacheControl] = "public, max-age=0, must-revalidate"
        case .full: headers[.cacheControl] = "private, no-cache"
        }
        vary(&headers)
    }

    static func writeNever(to headers: inout HTTPFields) {
        headers[.cacheControl] = "private, no-store"
        vary(&headers)
    }

    /// The bytes under a name never change, and whoever knows the name has seen them.
    static func writeImmutable(to headers: inout HTTPFields) {
        headers[.cacheControl] = "public, max-age=31536000, immutable"
        headers[.vary] = "Authorization, Closter-Tenant, Closter-Key"
    }

    /// Who asks decides what is seen, and how it is coded.
    private static func vary(_ headers: inout HTTPFields) {
        headers[.vary] = "Authorization, Closter-Tenant, Closter-Key, Accept, Accept-Encoding"
    }
}
