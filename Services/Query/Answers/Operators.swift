import Edge
import Identity

extension EdgeContext {
    /// The tenant, for reads that are not for keys.
    func operatorsTenant() throws -> Tenant {
        let tenant = try self.tenant()
        guard try principal().isOperator else {
            throw Problem(.forbidden, "only the tenant's members may read this, with a bearer token")
        }
        return tenant
    }
}
