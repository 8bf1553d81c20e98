import EventSourcing
import Foundation
import JSON
import PersonalData

/// The rows of a file of consignors, from its bytes: comma-separated values in UTF-8, whose first row names the columns.
///
/// `number` says who a row is about and has to be there; any other column may be missing, and then says nothing. A cell
/// that is blank clears its field. What is wrong with a row is told by column, and never with what stands there: reports
/// outlive those they speak of.
struct ConsignorFile: Sendable {
    static let format = "consignors"
    static let mostRows = 200_000

    /// As the header names them, in any order.
    enum Column: String, CaseIterable, Sendable {
        case number, name, mail, phone
        case birthDate = "birth_date"
        case addressLine1 = "address_line_1"
        case addressLine2 = "address_line_2"
        case postalCode = "postal_code"
        case city, region
        case addressCountry = "address_country"
        case iban = "payout_iban"
        case holder = "payout_holder"
        case provider = "payout_provider"
        case reference = "payout_reference"
        case storeCredit = "store_credit"
        case openingBalance = "opening_balance"
        case legalType = "legal_type"
        case country
        case vatStatus = "vat_status"
        case vatEvidence = "vat_evidence"
        case vatDate = "vat_date"
        case taxNumber = "tax_number"
    }

    struct Line: Sendable {
        /// Of the file, from 1.
        var number: Int
        var content: Content
    }

    enum Content: Sendable {
        case consignor(Said)
        case rejected(String)
    }

    /// What a row says of a consignor.
    struct Said: Sendable, Equatable {
        var number: String
        /// By `ConsignorField` name, and `store_credit`: of each field that has a column; null where it is blank.
        var fields: Personal<JSONObject>
        var openingBalance: Money?
    }

    private let currency: Currency
    private var csv = CSVReader()
    private var columns: [Column]?
    private var rows = 0

    /// - Parameter currency: of the opening balances.
    init(currency: Currency) { self.currency = currency }

    mutating func read(_ chunk: some Collection<UInt8>) throws(ImportProblem) -> [Line] { try lines(csv.read(chunk)) }

    mutating func finish() throws(ImportProblem) -> [Line] {
        let rest = try lines(csv.finish())
        guard columns != nil else { throw .empty }
        return rest
    }

    private mutating func lines(_ records: [CSVReader.Row]) throws(ImportProblem) -> [Line] {
        var lines: [Line] = []
        for record in records {
            switch record {
            case .rejected(_, let problem) where columns == nil: throw .header(problem)
            case .rejected(let line, let problem): lines.append(Line(number: line, content: .rejected(problem.reason)))
            case .record(let line, let cells):
                guard let columns else {
                    columns = try Self.header(cells)
                    continue
                }
                guard cells.contains(where: { !$0.trimmed.isEmpty }) else { continue }
                rows += 1
                guard rows <= Self.mostRows else { throw .tooManyRows(Self.mostRows) }
                lines.append(Line(number: line, content: content(cells, columns)))
            }
        }
        return lines
    }

    /// A file without a header begins with a person, who must not be quoted.
    private static func header(_ cells: [String]) throws(ImportProblem) -> [Column] {
        var columns: [Column] = []
        for (index, cell) in cells.enumerated() {
            guard let column = Column(rawValue: cell.trimmed.lowercased()) else {
                throw .consignorColumns("column \(index + 1) of the header is none of a file of consignors")
            }
            guard !columns.contains(column) else {
                throw .consignorColumns("the header names \(column.rawValue) twice")
            }
            columns.append(column)
        }
        guard columns.contains(.number) else { throw .consignorColumns("the header has no column number") }
        return columns
    }

    private func content(_ cells: [String], _ columns: [Column]) -> Content {
        guard cells.count == columns.count else {
            return .rejected("the row has \(cells.count) cells, the header has \(columns.count)")
        }
        let row = Row(cells: Dictionary(uniqueKeysWithValues: zip(columns, cells.map(\.trimmed))))
        do throws(InvalidFields) {
            return .consignor(try row.read(currency))
        } catch {
            return .rejected(error.errors.map { "\($0.pointer.dropFirst()): \($0.detail)" }.joined(separator: "; "))
        }
    }
}

extension ConsignorFile {
    fileprivate struct Row {
        var cells: [Column: String]

        /// The cell; nil where it is blank or the file has no such column.
        private func text(_ column: Column) -> JSONValue? {
            cells[column].flatMap { $0.isEmpty ? nil : .string($0) }
        }

        private func has(_ columns: Column...) -> Bool { columns.contains { cells[$0] != nil } }

        private func object(_ members: (String, Column)...) -> JSONObject {
            JSONObject(members.compactMap { name, column in text(column).map { (name, $0) } })
        }

        func read(_ currency: Currency) throws(InvalidFields) -> Said {
            var errors: [FieldError] = []
            func take<T>(_ read: () throws(InvalidFields) -> T) -> T? {
                do throws(InvalidFields) {
                    return try read()
                } catch {
                    errors += error.errors
                    return nil
                }
            }
            let number = take { () throws(InvalidFields) in
                guard let text = text(.number) else { throw .one("/number", .required, "is required") }
                return try Field.consignorNumber(text, "/number")
            }
            let body = body
            let details = take { () throws(InvalidFields) in try ConsignorDetails(changes: body) }
            var fields = (details?.contact.reveal() ?? [:]).joined(with: details?.tax.reveal() ?? [:])
            // Nobody loses their name by a blank.
            if fields["name"]?.isNull == true { fields["name"] = nil }
            if let cell = cells[.storeCredit] {
                fields["store_credit"] = take { () throws(InvalidFields) in .bool(try Self.flag(cell)) }
            }
            let balance = text(.openingBalance)?.stringValue.flatMap { text in
                take { () throws(InvalidFields) in try Self.balance(text, currency) }
            }
            guard errors.isEmpty, let number else { throw InvalidFields(errors: errors) }
            return Said(number: number, fields: Personal(fields), openingBalance: balance)
        }

        /// As a request would say it.
        private var body: JSONObject {
            var body: JSONObject = [:]
            for (name, column) in [
                ("name", Column.name), ("mail", .mail), ("phone", .phone), ("birth_date", .birthDate),
            ]
            where has(column) {
                body[name] = text(column) ?? .null
            }
            if has(.addressLine1, .addressLine2, .postalCode, .city, .region, .addressCountry) {
                var address = object(
                    ("postal_code", .postalCode), ("city", .city), ("region", .region), ("country", .addressCountry))
                let lines = [text(.addressLine1), text(.addressLine2)].compactMap(\.self)
                if !lines.isEmpty { address["lines"] = .array(lines) }
                body["addresses"] = address.isEmpty ? .null : [.object(address)]
            }
            if has(.iban, .holder, .provider, .reference) {
                let payout = object(
                    ("iban", .iban), ("holder", .holder), ("provider", .provider), ("reference", .reference))
                body["payout"] = payout.isEmpty ? .null : .object(payout)
            }
            var tax: JSONObject = [:]
            for (name, column) in [
                ("legal_type", Column.legalType), ("country", .country), ("vat_status", .vatStatus),
                ("vat_evidence", .vatEvidence), ("vat_date", .vatDate), ("tax_number", .taxNumber),
            ] where has(column) {
                tax[name] = text(column) ?? .null
            }
            if !tax.isEmpty { body["tax"] = .object(tax) }
            return body
        }

        private static func flag(_ cell: String) throws(InvalidFields) -> Bool {
            switch cell.lowercased() {
            case "true", "yes", "1": true
            case "", "false", "no", "0": false
            default: throw .one("/store_credit", .invalid, "must be true or false")
            }
        }

        /// Also zero and below it: what the shop is owed.
        private static func balance(_ text: String, _ currency: Currency) throws(InvalidFields) -> Money {
            let isNegative = text.first == "-" || text.first == "\u{2212}"
            let magnitude = isNegative ? String(text.dropFirst()) : text
            do throws(ImportPrice.Problem) {
                let money = try ImportPrice.read(magnitude, currency)
                return Money(amount: isNegative ? -money.amount : money.amount, currency: currency) ?? money
            } catch {
                if case .notAbove = error, magnitude.first != "-", magnitude.first != "\u{2212}",
                    let zero = Money(amount: 0, currency: currency)
                {
                    return zero
                }
                throw .one("/opening_balance", .invalid, "is no amount that can be read in one way only")
            }
        }
    }
}
