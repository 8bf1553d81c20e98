/// Whether a connection is read from. A read that the channel asks for in a pause is owed after it.
struct ReadPause {
    private(set) var isOn = false
    private var isReadOwed = false

    mutating func begin() { isOn = true }

    /// The channel asks for a read.
    ///
    /// - Returns: whether it may be done at once.
    mutating func mayRead() -> Bool {
        if isOn { isReadOwed = true }
        return !isOn
    }

    /// - Returns: whether a read is owed.
    mutating func end() -> Bool {
        defer { self = ReadPause() }
        return isReadOwed
    }
}
