/// A buyer as a storefront's back end names one: its own user on its own platform.
public struct Buyer: Hashable, Sendable {
    public var platform: String
    public var externalID: String

    public init(platform: String, externalID: String) {
        self.platform = platform
        self.externalID = externalID
    }
}

/// Who is asking.
public enum Principal: Hashable, Sendable {
    /// A person with a verified token. `isPlatform`: may create tenants, which needs no membership.
    case `operator`(subject: String, name: String?, isPlatform: Bool)
    /// A storefront in a browser: reads what is published.
    case publishable(keyID: String)
    /// A storefront's back end, on behalf of a buyer where the request names one.
    case secret(keyID: String, buyer: Buyer?)

    /// How the metadata of an event names the principal. STORED FORM.
    public var actor: String {
        switch self {
        case .operator(let subject, _, _): "operator:\(subject)"
        case .publishable(let keyID), .secret(let keyID, _): "key:\(keyID)"
        }
    }

    /// For whom the request is made, where that is someone else. STORED FORM.
    public var onBehalfOf: String? {
        if case .secret(_, .some(let buyer)) = self { "buyer:\(buyer.platform):\(buyer.externalID)" } else { nil }
    }

    public var isOperator: Bool {
        if case .operator = self { true } else { false }
    }
}
