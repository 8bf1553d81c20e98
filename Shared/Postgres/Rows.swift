import CLibpq

/// Owns one result of libpq and frees it.
struct ResultHandle: ~Copyable, @unchecked Sendable {
    // A result is never changed after libpq has handed it out, so threads may share it (libpq, "Threading").
    /// nil is a result without rows to libpq's functions.
    let pointer: OpaquePointer?

    init(_ pointer: OpaquePointer?) { self.pointer = pointer }

    deinit { PQclear(pointer) }
}

/// What a statement returned. A row is read where libpq has put it; nothing is copied or decoded before it is asked for.
public final class Rows: Sendable, RandomAccessCollection {
    public typealias Element = Row

    private let handle: ResultHandle
    public let endIndex: Int
    private let columnCount: Int

    /// No rows and no columns.
    public static let empty = Rows(nil)

    init(_ pointer: OpaquePointer?) {
        handle = ResultHandle(pointer)
        endIndex = Int(PQntuples(pointer))
        columnCount = Int(PQnfields(pointer))
    }

    public var startIndex: Int { 0 }

    public subscript(position: Int) -> Row {
        precondition(position >= 0 && position < endIndex, "row out of range")
        return Row(rows: self, index: Int32(truncatingIfNeeded: position))
    }

    /// A column of the result: its name and the number of its type in `pg_type`.
    public struct Column: Hashable, Sendable {
        public var name: String
        public var typeOID: UInt32
    }

    public var columns: [Column] {
        (0..<Int32(columnCount)).map { index in
            Column(
                name: PQfname(handle.pointer, index).map { String(cString: $0) } ?? "",
                typeOID: PQftype(handle.pointer, index))
        }
    }

    /// How many rows an INSERT, UPDATE, DELETE, MERGE or SELECT touched; 0 for other statements.
    public var affected: Int {
        PQcmdTuples(handle.pointer).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// What the server calls the statement: `SELECT 3`, `INSERT 0 1`, `COMMIT`, …
    public var commandTag: String { PQcmdStatus(handle.pointer).map { String(cString: $0) } ?? "" }

    /// The text of a value, valid during `body`; nil for NULL.
    func withText<Result>(row: Int32, column: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        let column = Int32(truncatingIfNeeded: column)
        guard PQgetisnull(handle.pointer, row, column) == 0, let value = PQgetvalue(handle.pointer, row, column) else {
            return body(nil)
        }
        return body(UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(handle.pointer, row, column))))
    }

    func columnName(_ index: Int) -> String {
        PQfname(handle.pointer, Int32(truncatingIfNeeded: index)).map { String(cString: $0) } ?? ""
    }

    func columnIndex(_ name: String) -> Int? {
        var wanted = name
        return wanted.withUTF8 { wanted in
            (0..<columnCount).first { index in
                guard let name = PQfname(handle.pointer, Int32(truncatingIfNeeded: index)) else { return false }
                return UnsafeRawBufferPointer(start: name, count: name.utf8Length).elementsEqual(wanted)
            }
        }
    }

    func checkColumn(_ index: Int) throws(PostgresError) {
        guard index >= 0, index < columnCount else {
            throw PostgresError(.decoding, "there is no column \(index) in a row of \(columnCount)")
        }
    }
}

extension UnsafeMutablePointer<CChar> {
    var utf8Length: Int {
        var length = 0
        while self[length] != 0 { length += 1 }
        return length
    }
}

/// One row of `Rows`, which it keeps alive.
public struct Row: Sendable {
    let rows: Rows
    let index: Int32

    /// - Throws: `.decoding` if there is no such column, or its value is not of the type (NULL needs an Optional).
    public func decode<Value: PostgresDecodable>(
        _ column: Int, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        try rows.checkColumn(column)
        guard let value = rows.withText(row: index, column: column, { Value.decode(text: $0) }) else {
            // The value itself stays out of the message: it may be personal.
            let what = isNull(column) ? "NULL" : "a value"
            throw PostgresError(.decoding, "\(what) of column \"\(rows.columnName(column))\" is not of type \(type)")
        }
        return value
    }

    /// - Throws: as `decode(_:as:)` by number; names are compared exactly.
    public func decode<Value: PostgresDecodable>(
        _ name: String, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard let column = rows.columnIndex(name) else {
            throw PostgresError(.decoding, "there is no column \"\(name)\"")
        }
        return try decode(column, as: type)
    }

    /// True also for a column that does not exist.
    public func isNull(_ column: Int) -> Bool { rows.withText(row: index, column: column) { $0 == nil } }

    public func isNull(_ name: String) -> Bool { rows.columnIndex(name).map(isNull) ?? true }

    /// Lends the text of a value without copying; nil for NULL. The pointer is valid during `body` only.
    public func withBytes<Result>(_ column: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        rows.withText(row: index, column: column, body)
    }

    /// A copy of the text of a value; nil for NULL.
    public func bytes(_ column: Int) -> [UInt8]? { withBytes(column) { $0.map { Array($0) } } }

    /// The text of a value; nil for NULL or a column that does not exist.
    public subscript(column: Int) -> String? { withBytes(column) { String.decode(text: $0) } }

    public subscript(name: String) -> String? { rows.columnIndex(name).flatMap { self[$0] } }
}
