public import EventSourcing

/// The answers that a service keeps ready.
public protocol HotReads: Sendable {
    /// The patterns of the routes it answers for, as the router has them.
    var routes: [String] { get }

    /// A finished answer, and which of `routes` it is for; nil where the router must make it. It must not wait.
    ///
    /// - Parameter own: gets the fields that this answer alone has.
    func answer(
        _ request: HotRequest, for reader: HotReader, at now: ContinuousClock.Instant, own: inout FieldBlock
    ) -> (response: FinishedResponse, route: Int)?
}

/// Who reads, as far as an answer depends on it.
public struct HotReader: Sendable {
    public var tenant: TenantID
    /// A member of the tenant, not one of its storefronts.
    public var seesEverything: Bool
}
