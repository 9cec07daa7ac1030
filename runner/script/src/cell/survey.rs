//! One pass over a cell that finds out what has to be done to it.

use std::ops::Range;

use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use crate::parse::{Cell, range};
use crate::scope::{identifier, simple_target, targets};

/// What a cell contains.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Syntax that only TypeScript has.
    pub(crate) has_types: bool,
    /// Top-level `await`, `for await`, `using`, `import` or `export`.
    pub(crate) suspends: bool,
    /// The identifiers that are assigned to, anywhere.
    pub(crate) assigned: Vec<String>,
    /// Where `const enum` declarations begin.
    pub(crate) const_enums: Vec<usize>,
    /// The names of enums and namespaces.
    pub(crate) objects: Vec<String>,
    /// The first field that is an `accessor`, which V8 does not know.
    pub(crate) accessor: Option<Range<usize>>,
    /// How many functions enclose the current node.
    depth: u32,
}

impl Survey {
    pub(crate) fn of(cell: &Cell) -> Survey {
        let mut survey = Survey::default();
        match cell {
            Cell::Module(module) => module.visit_with(&mut survey),
            Cell::Script(script) => script.visit_with(&mut survey),
        }
        survey
    }

    fn inside<N: VisitWith<Self>>(&mut self, node: &N) {
        self.depth += 1;
        node.visit_children_with(self);
        self.depth -= 1;
    }

    fn suspend(&mut self) {
        self.suspends |= self.depth == 0;
    }

    fn assign(&mut self, pattern: &Pat) {
        targets(pattern, &mut |target| self.assigned.push(target.name.to_owned()));
    }
}

/// Visits nodes that only TypeScript has; there is no need to look inside.
macro_rules! types {
    ($($method:ident: $node:ty),+ $(,)?) => {
        $(fn $method(&mut self, _: &$node) {
            self.has_types = true;
        })+
    };
}

/// Visits nodes that some fields make TypeScript.
macro_rules! typed {
    ($($method:ident: $node:ty, |$it:ident| $test:expr),+ $(,)?) => {
        $(fn $method(&mut self, $it: &$node) {
            self.has_types |= $test;
            $it.visit_children_with(self);
        })+
    };
}

impl Visit for Survey {
    types! {
        visit_ts_as_expr: TsAsExpr,
        visit_ts_const_assertion: TsConstAssertion,
        visit_ts_export_assignment: TsExportAssignment,
        visit_ts_expr_with_type_args: TsExprWithTypeArgs,
        visit_ts_import_equals_decl: TsImportEqualsDecl,
        visit_ts_index_signature: TsIndexSignature,
        visit_ts_instantiation: TsInstantiation,
        visit_ts_interface_decl: TsInterfaceDecl,
        visit_ts_namespace_export_decl: TsNamespaceExportDecl,
        visit_ts_non_null_expr: TsNonNullExpr,
        visit_ts_param_prop: TsParamProp,
        visit_ts_satisfies_expr: TsSatisfiesExpr,
        visit_ts_this_param: TsThisParam,
        visit_ts_type_alias_decl: TsTypeAliasDecl,
        visit_ts_type_ann: TsTypeAnn,
        visit_ts_type_assertion: TsTypeAssertion,
        visit_ts_type_param_decl: TsTypeParamDecl,
        visit_ts_type_param_instantiation: TsTypeParamInstantiation,
    }

    typed! {
        visit_array_pat: ArrayPat, |node| node.optional,
        visit_binding_ident: BindingIdent, |node| node.id.optional,
        visit_class: Class, |node| node.is_abstract,
        visit_class_method: ClassMethod, |node| node.accessibility.is_some()
            || node.is_abstract || node.is_optional || node.is_override,
        visit_fn_decl: FnDecl, |node| node.declare,
        visit_object_pat: ObjectPat, |node| node.optional,
        visit_private_method: PrivateMethod, |node| node.accessibility.is_some()
            || node.is_abstract || node.is_optional || node.is_override,
        visit_var_decl: VarDecl, |node| node.declare,
        visit_var_declarator: VarDeclarator, |node| node.definite,
    }

    fn visit_ts_enum_decl(&mut self, node: &TsEnumDecl) {
        self.has_types = true;
        if node.is_const && !node.declare {
            self.const_enums.push(range(node.span).start);
        }
        self.objects.push(node.id.sym.to_string());
    }

    fn visit_ts_module_decl(&mut self, node: &TsModuleDecl) {
        self.has_types = true;
        if let TsModuleName::Ident(name) = &node.id {
            self.objects.push(name.sym.to_string());
        }
    }

    fn visit_class_decl(&mut self, node: &ClassDecl) {
        self.has_types |= node.declare;
        if !node.declare {
            node.visit_children_with(self);
        }
    }

    fn visit_auto_accessor(&mut self, node: &AutoAccessor) {
        self.accessor.get_or_insert(range(node.span));
    }

    fn visit_class_prop(&mut self, node: &ClassProp) {
        self.has_types |= node.accessibility.is_some()
            || node.is_abstract
            || node.is_optional
            || node.is_override
            || node.readonly
            || node.declare
            || node.definite;
        node.key.visit_with(self);
        node.type_ann.visit_with(self);
        self.inside(&node.value);
    }

    fn visit_private_prop(&mut self, node: &PrivateProp) {
        self.has_types |= node.accessibility.is_some()
            || node.is_optional
            || node.is_override
            || node.readonly
            || node.definite;
        node.type_ann.visit_with(self);
        self.inside(&node.value);
    }

    fn visit_constructor(&mut self, node: &Constructor) {
        self.has_types |= node.accessibility.is_some() || node.body.is_none();
        self.inside(node);
    }

    fn visit_function(&mut self, node: &Function) {
        self.has_types |= node.body.is_none();
        self.inside(node);
    }

    fn visit_arrow_expr(&mut self, node: &ArrowExpr) {
        self.inside(node);
    }

    fn visit_static_block(&mut self, node: &StaticBlock) {
        self.inside(node);
    }

    fn visit_await_expr(&mut self, node: &AwaitExpr) {
        self.suspend();
        node.visit_children_with(self);
    }

    fn visit_for_in_stmt(&mut self, node: &ForInStmt) {
        if let ForHead::Pat(pattern) = &node.left {
            self.assign(pattern);
        }
        node.visit_children_with(self);
    }

    fn visit_for_of_stmt(&mut self, node: &ForOfStmt) {
        if node.is_await {
            self.suspend();
        }
        match &node.left {
            ForHead::Pat(pattern) => self.assign(pattern),
            ForHead::UsingDecl(using) if using.is_await => self.suspend(),
            ForHead::UsingDecl(_) | ForHead::VarDecl(_) => {}
        }
        node.visit_children_with(self);
    }

    /// A block may hold `using` as it is, but not every V8 lets a script do so at top level.
    fn visit_using_decl(&mut self, node: &UsingDecl) {
        self.suspend();
        node.visit_children_with(self);
    }

    fn visit_module_decl(&mut self, node: &ModuleDecl) {
        self.suspends = true;
        node.visit_children_with(self);
    }

    fn visit_import_decl(&mut self, node: &ImportDecl) {
        self.has_types |= node.type_only || node.specifiers.iter().any(ImportSpecifier::is_type_only);
    }

    fn visit_export_all(&mut self, node: &ExportAll) {
        self.has_types |= node.type_only;
    }

    fn visit_named_export(&mut self, node: &NamedExport) {
        let is_type = |specifier: &ExportSpecifier| match specifier {
            ExportSpecifier::Named(named) => named.is_type_only,
            ExportSpecifier::Namespace(_) | ExportSpecifier::Default(_) => false,
        };
        self.has_types |= node.type_only || node.specifiers.iter().any(is_type);
    }

    fn visit_assign_expr(&mut self, node: &AssignExpr) {
        match &node.left {
            AssignTarget::Simple(simple) => {
                self.assigned.extend(simple_target(simple).map(|target| target.name.to_owned()));
            }
            AssignTarget::Pat(pattern) => self.assign(&Pat::from(pattern.clone())),
        }
        node.visit_children_with(self);
    }

    fn visit_update_expr(&mut self, node: &UpdateExpr) {
        self.assigned.extend(identifier(&node.arg).map(|ident| ident.sym.to_string()));
        node.visit_children_with(self);
    }
}
