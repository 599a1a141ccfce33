"""Why a member earns what it earns: credits by term, by size of coalition and by the presence of others, exact."""
