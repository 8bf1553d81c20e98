/// How likely which fault is, in ten thousandths of a statement or of a tick: drawn from the seed, so that some runs are
/// calm, some know one fault only, and some know all.
struct Weather {
    // Of statements.
    var lostBefore = 0
    var lostAfter = 0
    /// The connection is lost, and the statement arrives all the same, later.
    var late = 0
    var rolledBack = 0
    /// It took effect, and the answer cannot be read.
    var unreadable = 0
    var slow = 0
    var connectFails = 0
    // Of notifications.
    var bellLost = 0
    var bellDoubled = 0
    var bellLate = 0
    // Of ticks, each for some process or the server.
    var crash = 0
    var stop = 0
    var freeze = 0
    var restart = 0
    var clockJump = 0
    /// The leader's lock is gone, and its session is not: after a failover behind a proxy, say.
    var lockLost = 0
    /// Of intents: Postgres refuses them; projections cannot apply them; they are sent to both processes at once.
    var refused = 0
    var spoiled = 0
    var doubled = 0

    static let calm = Weather()

    init() {}

    init(_ chance: inout Chance) {
        func draw(_ most: Int, _ chance: inout Chance) -> Int {
            switch chance.index(4) {
            case 0, 1: 0
            case 2: most / 8
            default: most
            }
        }
        lostBefore = draw(600, &chance)
        lostAfter = draw(600, &chance)
        late = draw(400, &chance)
        rolledBack = draw(600, &chance)
        unreadable = draw(200, &chance)
        slow = draw(600, &chance)
        connectFails = draw(3000, &chance)
        bellLost = draw(8000, &chance)
        bellDoubled = draw(3000, &chance)
        bellLate = draw(3000, &chance)
        crash = draw(800, &chance)
        stop = draw(400, &chance)
        freeze = draw(1200, &chance)
        restart = draw(300, &chance)
        clockJump = draw(400, &chance)
        lockLost = draw(400, &chance)
        refused = draw(800, &chance)
        spoiled = draw(300, &chance)
        doubled = draw(1500, &chance)
    }
}
