"""Kernels of shapley_credit: one package a form, `ref` (NumPy, the specification), `cpu` (Numba) and `tree` in each.

The first array of every function has B groups on its leading axis; the others have B, or 1 where all groups share the data. The
result is [B, K] credits. An absent candidate is a null player; callers lower masks to null players, so kernels know no masks,
except for forms that count members, which take them as `present`.
"""
