import Foundation

/// Whose name a request carries: the user of the operating system.
enum Requester {
    static var name: String {
        let name = NSUserName()
        return name.isEmpty ? "uid \(getuid())" : name
    }
}
