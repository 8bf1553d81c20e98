public import EventSourcing
public import Testing

/// Tests of deciders, in the words of the domain:
///
///     Given(Item.self, [.received(coat)]).when(.list(price)).then(.listed(price))
///     Given(Item.self, [.received(coat), .sold]).when { state throws(Refusal) in try Item.list(price, state) }
///         .refuses(.alreadySold)
public struct Given<A: Aggregate> {
    public let state: A.State

    public init(_ aggregate: A.Type, _ events: [A.Event] = []) {
        state = A.fold(events)
    }

    /// Decides by a function of the state.
    public func when<Refusal: Error>(
        _ decide: @escaping (A.State) throws(Refusal) -> [A.Event]
    ) -> Decision<A, Refusal> {
        Decision(state: state, decide: decide)
    }

    /// Expects this of the state.
    @discardableResult
    public func thenState(
        _ expectation: (A.State) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Self {
        #expect(expectation(state), "the state is \(state)", sourceLocation: sourceLocation)
        return self
    }
}

extension Given where A: Decider {
    public func when(_ intent: A.Intent) -> Decision<A, A.Refusal> {
        Decision(state: state) { state throws(A.Refusal) in try A.decide(state, intent) }
    }
}

/// What came of an intent.
public struct Decision<A: Aggregate, Refusal: Error> {
    let decide: (A.State) throws(Refusal) -> [A.Event]
    public let outcome: Result<[A.Event], Refusal>
    let before: A.State

    init(state: A.State, decide: @escaping (A.State) throws(Refusal) -> [A.Event]) {
        self.decide = decide
        before = state
        do throws(Refusal) {
            outcome = .success(try decide(state))
        } catch {
            outcome = .failure(error)
        }
    }

    /// Expects exactly these events, and that the same intent decides nothing once they are applied: a retry is free.
    @discardableResult
    public func then(_ expected: A.Event..., sourceLocation: SourceLocation = #_sourceLocation) -> Self {
        then(expected, sourceLocation: sourceLocation)
    }

    @discardableResult
    public func then(_ expected: [A.Event], sourceLocation: SourceLocation = #_sourceLocation) -> Self {
        switch outcome {
        case .success(let events):
            #expect(events == expected, sourceLocation: sourceLocation)
            decidesNothingAgain(after: events, sourceLocation)
        case .failure(let refusal):
            Issue.record("refused: \(refusal)", sourceLocation: sourceLocation)
        }
        return self
    }

    /// Expects that the intent is already true.
    @discardableResult
    public func thenNothing(sourceLocation: SourceLocation = #_sourceLocation) -> Self {
        then([], sourceLocation: sourceLocation)
    }

    /// Expects this of the state once the decided events are applied.
    @discardableResult
    public func thenState(
        _ expectation: (A.State) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Self {
        switch outcome {
        case .success(let events):
            let after = A.fold(events, from: before)
            #expect(expectation(after), "the state is \(after)", sourceLocation: sourceLocation)
        case .failure(let refusal):
            Issue.record("refused: \(refusal)", sourceLocation: sourceLocation)
        }
        return self
    }

    private func decidesNothingAgain(after events: [A.Event], _ sourceLocation: SourceLocation) {
        do throws(Refusal) {
            let again = try decide(A.fold(events, from: before))
            #expect(again.isEmpty, "the same intent, decided again", sourceLocation: sourceLocation)
        } catch {
            Issue.record("the same intent, decided again, is refused: \(error)", sourceLocation: sourceLocation)
        }
    }
}

extension Decision where Refusal: Equatable {
    @discardableResult
    public func refuses(_ expected: Refusal, sourceLocation: SourceLocation = #_sourceLocation) -> Self {
        switch outcome {
        case .success(let events):
            Issue.record("not refused, but decided: \(events)", sourceLocation: sourceLocation)
        case .failure(let refusal):
            #expect(refusal == expected, sourceLocation: sourceLocation)
        }
        return self
    }
}
