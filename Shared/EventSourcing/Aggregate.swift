/// A kind of thing whose state is nothing but the fold of its events.
///
/// One type per aggregate, usually a caseless enum. `evolve` is pure: no clock, no chance, no I/O, and it never fails:
/// what is in the log has happened.
public protocol Aggregate {
    associatedtype State: Sendable
    associatedtype Event: Sendable & Equatable

    /// The category of its streams, as stored: `item`.
    static var category: String { get }
    /// The prefix of its public identifiers (TypeID): `item`.
    static var prefix: String { get }
    /// The state before the first event.
    static var initial: State { get }

    static func evolve(_ state: inout State, _ event: Event)
}

extension Aggregate {
    /// The state after `events`, from `state` or from the beginning.
    public static func fold(_ events: some Sequence<Event>, from state: State? = nil) -> State {
        events.reduce(into: state ?? initial) { evolve(&$0, $1) }
    }
}

/// An aggregate whose intents go through one function.
///
/// `decide` is pure too: identifiers and time come in with the intent. Once its events are applied the same intent
/// decides nothing, so that a retry costs nothing.
public protocol Decider: Aggregate {
    associatedtype Intent
    associatedtype Refusal: Error & Equatable

    static func decide(_ state: State, _ intent: Intent) throws(Refusal) -> [Event]
}
