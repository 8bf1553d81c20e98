/// A currency of ISO 4217, with the number of decimals of its minor unit: JPY 0, PLN 2, KWD 3.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    /// Three capitals.
    public let code: String
    public let minorUnits: Int

    /// nil for what is not on the list; codes are upper case.
    public init?(code: String) {
        guard let minorUnits = Self.minorUnits[code] else { return nil }
        self.code = code
        self.minorUnits = minorUnits
    }

    public var description: String { code }

    public static func == (left: Currency, right: Currency) -> Bool { left.code == right.code }
    public func hash(into hasher: inout Hasher) { hasher.combine(code) }

    /// Every code of the list, sorted.
    public static var codes: [String] { minorUnits.keys.sorted() }

    /// The active list (2026), without the codes that have no minor unit (gold, SDR, testing, …).
    /// Stored events speak these: ONLY EVER ADD, also when a currency is withdrawn.
    private static let minorUnits: [String: Int] = {
        let byDecimals: [(Int, String)] = [
            (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
            (
                2,
                """
                AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
                CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
                HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK \
                MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD \
                RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH \
                USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
                """
            ),
            (3, "BHD IQD JOD KWD LYD OMR TND"),
            (4, "CLF UYW"),
        ]
        var result: [String: Int] = [:]
        for (decimals, codes) in byDecimals {
            for code in codes.split(separator: " ") { result[String(code)] = decimals }
        }
        return result
    }()
}
