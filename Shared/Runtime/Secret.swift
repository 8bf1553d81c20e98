/// A value that must never reach a log, an error or a dump.
///
/// Printing, interpolating or reflecting a `Secret` shows `<redacted>`; the only way to the value is `reveal()`, so
/// every place that uses one can be found by name.
public struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    public init(_ value: Value) {
        self.value = value
    }

    public func reveal() -> Value { value }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
