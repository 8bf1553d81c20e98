/// Something of a person, in the clear. Printing, interpolating or reflecting it shows `<personal>`; the only way to the
/// value is `reveal()`, so every place that looks can be found by name.
public struct Personal<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    public init(_ value: Value) { self.value = value }

    public func reveal() -> Value { value }

    public var description: String { "<personal>" }
    public var debugDescription: String { "<personal>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Personal: Equatable where Value: Equatable {}
