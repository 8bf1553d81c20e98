/// Reads comma-separated values (RFC 4180) from chunks of bytes, whatever the bytes are.
///
/// - Quoted cells may hold delimiters, doubled quotes and line breaks; lines end with LF, CRLF or CR; a UTF-8 byte
///   order mark is dropped; empty lines are no records. A quote inside an unquoted cell is a character (`5" heel`).
/// - The delimiter is a comma, or a semicolon where the first record has one and no comma.
/// - A record knows the physical line it starts on, from 1.
/// - A row that cannot be read is reported and reading goes on with the next *physical line*, so a quote that is
///   never closed costs its own line and not the rest of the file.
/// - Memory: one record, at most ``Limits/record``, and one chunk.
struct CSVReader: Sendable {
    struct Limits: Sendable, Equatable {
        /// Bytes of one cell.
        var cell = 1 << 20
        /// Bytes of one record.
        var record = 4 << 20
        /// Cells of one record.
        var columns = 500
    }

    enum Problem: Error, Equatable, Sendable {
        case unterminatedQuote
        /// Something else than a delimiter or a line break follows a closing quote. Columns count from 1.
        case textAfterQuote(column: Int)
        case cellTooLong(column: Int)
        case recordTooLong
        case tooManyColumns
        case notUTF8(column: Int)
        case nullCharacter(column: Int)
    }

    enum Row: Equatable, Sendable {
        case record(line: Int, cells: [String])
        case rejected(line: Int, Problem)

        var line: Int {
            switch self {
            case .record(let line, _), .rejected(let line, _): line
            }
        }
    }

    let limits: Limits

    private enum Place { case cellStart, plain, quoted, afterQuote }

    /// Unread bytes; the current record starts at `start`, and everything before `next` has been looked at.
    private var buffer: [UInt8] = []
    private var start = 0
    private var next = 0
    private var place = Place.cellStart
    private var cells: [Cell] = []
    private var cellStart = 0
    private var escaped = false

    /// The physical line the current record starts on, and the line breaks inside it so far.
    private var line = 1
    private var breaks = 0

    /// The last record ended with a CR: a LF that follows belongs to it.
    private var skipsLineFeed = false
    /// The rest of an over-long line is thrown away up to its end.
    private var discards = false
    private var delimiter: UInt8?

    private struct Cell {
        var bytes: Range<Int>
        var escaped: Bool
    }

    init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes the next bytes of the file and gives the rows that are complete.
    mutating func read(_ chunk: some Collection<UInt8>) -> [Row] {
        buffer.append(contentsOf: chunk)
        return rows(atEnd: false)
    }

    /// The file has ended: gives the rows that are left.
    mutating func finish() -> [Row] { rows(atEnd: true) }

    // MARK: - Records

    private mutating func rows(atEnd: Bool) -> [Row] {
        var rows: [Row] = []
        guard settleDelimiter(atEnd: atEnd), let delimiter else { return rows }
        while next < buffer.count {
            let byte = buffer[next]
            if discards {
                discards = !byte.endsLine
                if discards { skip() } else { endRecord(byte) }
                continue
            }
            if skipsLineFeed {
                skipsLineFeed = false
                if byte == .lineFeed {
                    skip()
                    continue
                }
            }
            if let problem = look(at: byte, delimiter) {
                rows.append(.rejected(line: line, problem))
                resynchronise()
            } else if place != .quoted, byte.endsLine {
                if let row = record() { rows.append(row) }
                endRecord(byte)
            } else {
                next += 1
            }
        }
        if atEnd { finish(into: &rows) }
        if start > 0 {
            buffer.removeFirst(start)
            next -= start
            cellStart -= start
            for index in cells.indices { cells[index].bytes = cells[index].bytes.moved(by: -start) }
            start = 0
        }
        return rows
    }

    /// Takes one byte of a record; a line break that ends the record changes nothing.
    private mutating func look(at byte: UInt8, _ delimiter: UInt8) -> Problem? {
        switch (place, byte) {
        case (.quoted, .quote):
            place = .afterQuote
        case (.quoted, .lineFeed) where next > start && buffer[next - 1] == .carriageReturn:
            break
        case (.quoted, .lineFeed), (.quoted, .carriageReturn):
            breaks += 1
        case (.quoted, _):
            break
        case (_, .lineFeed), (_, .carriageReturn):
            return nil
        case (_, delimiter):
            endCell()
            cellStart = next + 1
            escaped = false
            place = .cellStart
            if cells.count >= limits.columns { return .tooManyColumns }
        case (.cellStart, .quote):
            place = .quoted
            cellStart = next + 1
        case (.cellStart, _):
            place = .plain
        case (.plain, _):
            break
        case (.afterQuote, .quote):
            place = .quoted
            escaped = true
        case (.afterQuote, _):
            return .textAfterQuote(column: cells.count + 1)
        }
        if next - cellStart >= limits.cell, place != .cellStart { return .cellTooLong(column: cells.count + 1) }
        if next - start >= limits.record { return .recordTooLong }
        return nil
    }

    private mutating func finish(into rows: inout [Row]) {
        while start < buffer.count, !discards {
            guard place == .quoted else {
                if let row = record() { rows.append(row) }
                start = buffer.count
                return
            }
            rows.append(.rejected(line: line, .unterminatedQuote))
            resynchronise()
            rows.append(contentsOf: self.rows(atEnd: false))
        }
    }

    /// The record that ends before `next`; nil for an empty line.
    private mutating func record() -> Row? {
        guard !cells.isEmpty || place != .cellStart else { return nil }
        endCell()
        var texts: [String] = []
        texts.reserveCapacity(cells.count)
        for cell in cells {
            guard let text = text(of: cell) else { return .rejected(line: line, .notUTF8(column: texts.count + 1)) }
            guard !text.utf8.contains(0) else {
                return .rejected(line: line, .nullCharacter(column: texts.count + 1))
            }
            texts.append(text)
        }
        return .record(line: line, cells: texts)
    }

    private func text(of cell: Cell) -> String? {
        guard cell.escaped else { return String(validating: buffer[cell.bytes], as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(cell.bytes.count)
        var wasQuote = false
        for byte in buffer[cell.bytes] {
            wasQuote = byte == .quote && !wasQuote
            if !wasQuote { bytes.append(byte) }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private mutating func endCell() {
        let end = place == .afterQuote ? next - 1 : next
        cells.append(Cell(bytes: cellStart..<max(cellStart, end), escaped: escaped))
    }

    private mutating func endRecord(_ byte: UInt8) {
        skipsLineFeed = byte == .carriageReturn
        line += breaks + 1
        next += 1
        begin()
    }

    private mutating func skip() {
        next += 1
        begin()
    }

    private mutating func begin() {
        start = next
        cellStart = next
        place = .cellStart
        escaped = false
        breaks = 0
        cells.removeAll(keepingCapacity: true)
    }

    /// Gives up the current record's first physical line and goes on after it.
    private mutating func resynchronise() {
        guard let end = buffer[start..<min(next + 1, buffer.count)].firstIndex(where: \.endsLine) else {
            next = min(next, buffer.count)
            begin()
            discards = true
            return
        }
        breaks = 0
        next = end
        endRecord(buffer[end])
    }

    // MARK: - The first record

    /// Knows the delimiter once the first record is there; drops the byte order mark and empty lines before it.
    private mutating func settleDelimiter(atEnd: Bool) -> Bool {
        guard delimiter == nil else { return true }
        var index = 0
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        let first = index
        var isQuoted = false
        var hasContent = false
        var found = (comma: false, semicolon: false)
        scan: while index < buffer.count, index - first < limits.record {
            switch buffer[index] {
            case .quote: isQuoted.toggle()
            case .comma where !isQuoted: found.comma = true
            case .semicolon where !isQuoted: found.semicolon = true
            case let byte where byte.endsLine && !isQuoted && hasContent: break scan
            default: break
            }
            if !buffer[index].endsLine { hasContent = true }
            index += 1
        }
        let isComplete = atEnd || index < buffer.count || index - first >= limits.record
        guard isComplete else { return false }
        delimiter = found.semicolon && !found.comma ? .semicolon : .comma
        next = first
        begin()
        return true
    }
}

extension UInt8 {
    fileprivate static let quote = UInt8(ascii: "\"")
    fileprivate static let comma = UInt8(ascii: ",")
    fileprivate static let semicolon = UInt8(ascii: ";")
    fileprivate static let lineFeed = UInt8(ascii: "\n")
    fileprivate static let carriageReturn = UInt8(ascii: "\r")
    fileprivate var endsLine: Bool { self == .lineFeed || self == .carriageReturn }
}

extension Range<Int> {
    fileprivate func moved(by distance: Int) -> Range<Int> { lowerBound + distance..<upperBound + distance }
}
