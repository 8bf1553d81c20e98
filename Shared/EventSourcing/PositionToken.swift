import Foundation

/// How far a reader has seen, as a text that only this program reads: `Closter-Position`, `Closter-After`.
///
/// It names the shard and its epoch, so that a token from another database, or from before a restore, is refused and
/// never misread. The check sum catches damage, not malice: whoever takes a token compares tenant, shard, epoch and head.
public struct PositionToken: Hashable, Sendable, CustomStringConvertible {
    /// 1–63 bytes.
    public var shard: String
    public var epoch: Int64
    public var tenant: TenantID
    public var position: Int64

    public init(shard: String, epoch: Int64, tenant: TenantID, position: Int64) {
        self.shard = shard
        self.epoch = epoch
        self.tenant = tenant
        self.position = position
    }

    private static let format: UInt8 = 1
    private static let fixedLength = 1 + 8 + 16 + 8 + 4

    /// base64url without padding of: format, epoch, tenant, position, shard, CRC-32 of all before.
    public var text: String {
        var bytes: [UInt8] = [Self.format]
        bytes.appendBigEndian(epoch)
        bytes.appendBigEndian(tenant.uuid.bits)
        bytes.appendBigEndian(position)
        bytes.append(contentsOf: shard.utf8)
        bytes.appendBigEndian(CRC32.of(bytes))
        return Base64URL.encode(bytes)
    }

    public var description: String { text }

    /// nil for everything that `text` does not produce.
    public init?(_ text: String) {
        guard text.utf8.count <= 150, let bytes = Base64URL.decode(text.utf8) else { return nil }
        let shardLength = bytes.count - Self.fixedLength
        guard (1...63).contains(shardLength), bytes[0] == Self.format,
            let shard = String(validating: bytes[33..<33 + shardLength], as: UTF8.self),
            CRC32.of(bytes.dropLast(4)) == UInt32(bigEndianBytes: bytes.suffix(4))
        else { return nil }
        self.shard = shard
        epoch = Int64(bigEndianBytes: bytes[1..<9])
        tenant = TenantID(UUID(bits: UInt128(bigEndianBytes: bytes[9..<25])))
        position = Int64(bigEndianBytes: bytes[25..<33])
        guard position >= 0 else { return nil }
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension FixedWidthInteger {
    fileprivate init(bigEndianBytes bytes: some Collection<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}

/// The CRC-32 of IEEE 802.3.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
    }
}
