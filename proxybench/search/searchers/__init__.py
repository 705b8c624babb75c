"""The searchers, one file each. `proxybench.search.SEARCHERS` names them."""
