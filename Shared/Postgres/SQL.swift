/// A statement with bound values: `"SELECT x FROM t WHERE id = \(id)"`.
///
/// A value in an interpolation is always bound (`$1`), never pasted: there is no way to put one into the text save
/// `\(unescaped:)`. `\(identifier:)` quotes a name, another `SQL` is inserted with its values, and `+` joins two.
public struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// The text as the server sees it, values as `$1`, `$2`, …
    public private(set) var text: String
    private(set) var parameters: Parameters

    /// - Parameters:
    ///   - text: trusted text that names its values `$1`, `$2`, …; an interpolation in it would be pasted.
    ///   - values: as many as the text names.
    public init(_ text: String, _ values: [any PostgresEncodable]) {
        self.init(unescaped: text)
        for value in values { parameters.append(value) }
    }

    /// Trusted text without values. `SQL("… \(value)")`, without a label, is the literal that binds.
    public init(unescaped text: String) {
        self.text = text
        parameters = Parameters()
    }

    public init(stringLiteral text: String) { self.init(unescaped: text) }

    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql = SQL(unescaped: "")

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql.text.reserveCapacity(literalCapacity + 3 * interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) { sql.text += literal }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.parameters.append(value)
            sql.text += "$\(sql.parameters.count)"
        }

        /// Binds a value, or NULL.
        public mutating func appendInterpolation(_ value: (some PostgresEncodable)?) {
            sql.parameters.append(value)
            sql.text += "$\(sql.parameters.count)"
        }

        /// Inserts a part of a statement with its values.
        public mutating func appendInterpolation(_ part: SQL) { sql += part }

        /// Inserts the name of a table, column, … in quotes.
        public mutating func appendInterpolation(identifier name: String) {
            sql.text +=
                "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                + "\""
        }

        /// Inserts trusted text as it is. Never pass what a user can choose.
        public mutating func appendInterpolation(unescaped text: String) { sql.text += text }
    }

    public static func + (left: SQL, right: SQL) -> SQL {
        var sum = left
        sum += right
        return sum
    }

    public static func += (left: inout SQL, right: SQL) {
        left.text +=
            right.parameters.count == 0 || left.parameters.count == 0
            ? right.text : renumbered(right.text, by: left.parameters.count)
        left.parameters.append(contentsOf: right.parameters)
    }

    /// How many bytes the statement's values take on the wire, roughly.
    var size: Int { text.utf8.count + parameters.buffer.count }
}

/// The values of a statement, packed: one buffer, each value followed by a zero byte for libpq's text format.
struct Parameters: Sendable {
    private(set) var types: [UInt32] = []
    private(set) var formats: [Int32] = []
    /// -1 for NULL, which takes no bytes.
    private(set) var lengths: [Int32] = []
    private(set) var buffer: [UInt8] = []

    var count: Int { types.count }

    mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let type = Value.postgresType
        let start = buffer.count
        types.append(type.oid)
        formats.append(type.isBinary ? 1 : 0)
        if value.encode(into: &buffer) {
            lengths.append(Int32(clamping: buffer.count - start))
            buffer.append(0)
        } else {
            lengths.append(-1)
        }
    }

    mutating func append(contentsOf other: Parameters) {
        types += other.types
        formats += other.formats
        lengths += other.lengths
        buffer += other.buffer
    }

    /// Lends the values in the shape that libpq takes them.
    func withPointers<Result>(
        _ body: (
            _ types: UnsafePointer<UInt32>?, _ values: UnsafePointer<UnsafePointer<CChar>?>?,
            _ lengths: UnsafePointer<Int32>?, _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: max(count, 1)) { values in
            buffer.withUnsafeBufferPointer { bytes in
                var offset = 0
                for index in 0..<count {
                    guard lengths[index] >= 0, let base = bytes.baseAddress else {
                        values.initializeElement(at: index, to: nil)
                        continue
                    }
                    values.initializeElement(
                        at: index, to: UnsafeRawPointer(base + offset).assumingMemoryBound(to: CChar.self))
                    offset += Int(lengths[index]) + 1
                }
                return types.withUnsafeBufferPointer { types in
                    lengths.withUnsafeBufferPointer { lengths in
                        formats.withUnsafeBufferPointer { formats in
                            body(
                                types.baseAddress, UnsafePointer(values.baseAddress), lengths.baseAddress,
                                formats.baseAddress)
                        }
                    }
                }
            }
        }
    }
}
