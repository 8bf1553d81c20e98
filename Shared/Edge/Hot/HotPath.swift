/// Answers, on the connection's event loop and before any task is made, what has been answered before.
public protocol HotPath: Sendable {
    /// The finished response to a GET or HEAD; nil where only the router can tell.
    ///
    /// It is called on an event loop and must not wait for anything.
    /// - Parameter own: empty; gets the fields that this one response has besides those that are laid out.
    func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse?
}
