import EventSourcing
import Foundation
import JSON
import Logging
import Synchronization

@testable import Identity

/// A clock that moves when it is told to.
final class ManualClock: Sendable {
    private let state = Mutex<(instant: ContinuousClock.Instant, time: Timestamp)>(
        (.now, Timestamp(seconds: 1_800_000_000)))

    var instant: ContinuousClock.Instant { state.withLock { $0.instant } }
    var time: Timestamp { state.withLock { $0.time } }

    func advance(by duration: Duration) {
        state.withLock { $0 = ($0.instant + duration, $0.time + duration) }
    }
}

/// A number that many tasks count up.
final class Tally: Sendable {
    private let number = Mutex(0)

    var value: Int { number.withLock { $0 } }

    @discardableResult
    func count() -> Int {
        number.withLock { number in
            number += 1
            return number
        }
    }
}

/// A value that tests exchange while others read it.
final class Box<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) { storage = Mutex(value) }

    var value: Value {
        get { storage.withLock { $0 } }
        set { storage.withLock { $0 = newValue } }
    }
}

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The claims of a good Stack Auth token, to be spoilt one by one.
func stackClaims(project: String = "p1", at time: Timestamp) -> JSONObject {
    let seconds = time.microseconds / 1_000_000
    return [
        "iss": .string("https://api.stack-auth.com/api/v1/projects/\(project)"), "aud": .string(project),
        "sub": "user-1", "project_id": .string(project), "branch_id": "main", "role": "authenticated",
        "email": "anna@example.com", "email_verified": true, "name": "Anna", "selected_team_id": nil,
        "is_anonymous": false, "is_restricted": false, "iat": .integer(seconds), "exp": .integer(seconds + 600),
    ]
}
