"""Derivatives of torch functions: gradients, Hessians, integrals along paths, Taylor polynomials."""
