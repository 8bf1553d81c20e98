public import HTTPTypes

/// The header fields of the contract. The names are constants that are known to be legal, so the fallbacks are never
/// used.
extension HTTPField.Name {
    public static let closterTenant = Self("Closter-Tenant") ?? .accept
    public static let closterKey = Self("Closter-Key") ?? .accept
    public static let closterPosition = Self("Closter-Position") ?? .accept
    public static let closterAfter = Self("Closter-After") ?? .accept
    public static let closterSource = Self("Closter-Source") ?? .accept
    public static let correlationID = Self("X-Correlation-Id") ?? .accept
    public static let idempotencyKey = Self("Idempotency-Key") ?? .accept
    public static let idempotencyReplayed = Self("Idempotency-Replayed") ?? .accept
    public static let prefer = Self("Prefer") ?? .accept
}
