/// What is spoken on a connection: by its ALPN name, those that we like better first.
enum HTTPVersion: String, CaseIterable {
    case http2 = "h2"
    case http1 = "http/1.1"
    case http10 = "http/1.0"
}
